"""Says which components share an image."""

from collections.abc import Sequence

from ..model import Component

Together = tuple[Component, ...]


def together(components: Sequence[Component], images: str, base_image: str) -> tuple[Together, ...]:
    """The components, image by image. One image starts from one base: who has a base of its own is apart."""
    if images == "per-component":
        return tuple((component,) for component in components)
    bases = dict.fromkeys([base_image, *(component.base or base_image for component in components)])
    groups = (tuple(each for each in components if (each.base or base_image) == base) for base in bases)
    return tuple(group for group in groups if group)
