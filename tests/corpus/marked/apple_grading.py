# %% [markdown]
# # Apples by size
# Marked cells in a script: the magics are comments there.
# %%
from AutoMLOps import AutoMLOps

# %%
# %%define_imports
from pathlib import Path

# %%
# %%define_component
AutoMLOps.makeComponent(
    name="sieve",
    params=[{"name": "millimetres", "type": list}, {"name": "big", "type": "OutputPath(int)"}],
)
Path(big).write_text(str(sum(each > 70 for each in millimetres)))

# %%
# %%define_component
AutoMLOps.makeComponent(name="box", params=[{"name": "big", "type": int}, {"name": "size", "type": int}])
print(big // size)

# %%
AutoMLOps.makePipeline(
    name="apple-grading",
    params=[{"name": "millimetres", "type": list}, {"name": "size", "type": int}],
    pipeline=[
        {"component_name": "sieve", "param_mapping": [("millimetres", "millimetres")]},
        {"component_name": "box", "param_mapping": [("big", "sieve.big"), ("size", "size")]},
    ],
)

# %%
AutoMLOps.generate(pipeline_params={"millimetres": [65, 72, 80], "size": 2})
