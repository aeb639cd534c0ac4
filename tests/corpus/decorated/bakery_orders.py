# %% [markdown]
# # Orders of a bakery
# Several outputs at once, lists and tables among the values.

# %%
import json
from collections import Counter
from typing import NamedTuple

from AutoMLOps import AutoMLOps
from kfp.dsl import Metrics, Output

# %%
PRICES = {"roll": 0.4, "loaf": 3.2, "pretzel": 0.9}
Orders = NamedTuple("Orders", [("kinds", dict), ("pieces", int), ("euros", float)])


# %%
@AutoMLOps.component
def add_up(orders: list) -> NamedTuple("Orders", [("kinds", dict), ("pieces", int), ("euros", float)]):
    kinds = Counter(orders)
    return Orders(dict(kinds), len(orders), round(sum(PRICES[kind] * n for kind, n in kinds.items()), 2))


# %%
@AutoMLOps.component
def bill(kinds: dict, euros: float, metrics: Output[Metrics], guest: str = "somebody") -> str:
    metrics.log_metric("euros", euros)
    return f"{guest}: {json.dumps(kinds, sort_keys=True)} for {euros:.2f}"


# %%
@AutoMLOps.component
def pack(pieces: int, size: int = 6) -> int:
    return -(-pieces // size)


# %%
@AutoMLOps.pipeline(name="bakery-orders")
def orders(orders: list, guest: str):
    summed = add_up(orders=orders)
    bill(kinds=summed.outputs["kinds"], euros=summed.outputs["euros"], guest=guest)
    pack(pieces=summed.outputs["pieces"])


# %%
AutoMLOps.generate(pipeline_params={"orders": ["roll"] * 7 + ["loaf"], "guest": "Emmy"})
