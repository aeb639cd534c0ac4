# %% [markdown]
# # As few images as the pins and base images allow

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
@AutoMLOps.component(packages_to_install=["six>=1.16"])
def newer_too(n: int) -> int:
    return n + 1


# %%
@AutoMLOps.component
def plain(n: int) -> int:
    return n + 1


# %%
@AutoMLOps.component(packages_to_install=["six==1.17.0"], base_image="europe-docker.pkg.dev/base-images/python/slim:3")
def elsewhere(n: int) -> int:
    """Starts from an image that another project keeps."""
    return n + 1


# %%
@AutoMLOps.pipeline(name="auto-images")
def auto_images(n: int = 1) -> int:
    first = older(n=n)
    second = newer(n=first.output)
    third = newer_too(n=second.output)
    fourth = plain(n=third.output)
    return elsewhere(n=fourth.output).output
