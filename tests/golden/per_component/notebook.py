# %% [markdown]
# # Two components that disagree about a package

# %%
from AutoMLOps import AutoMLOps


# %%
@AutoMLOps.component(packages_to_install=["six==1.15.0"])
def older(n: int) -> int:
    """Runs with an older package."""
    return n + 1


# %%
@AutoMLOps.component(packages_to_install=["six==1.16.0"])
def newer(n: int) -> int:
    return n + 1


# %%
@AutoMLOps.pipeline(name="two-images")
def two_images(n: int = 1) -> int:
    first = older(n=n)
    return newer(n=first.output).output
