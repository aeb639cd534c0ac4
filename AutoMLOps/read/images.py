"""Says which components share an image."""

from collections.abc import Sequence

from ..model import Component
from .requirements import disputed

Together = tuple[Component, ...]


def together(components: Sequence[Component], images: str, base_image: str) -> tuple[Together, ...]:
    """The components, image by image. One image starts from one base: who has a base of its own is apart."""
    if images == "per-component":
        return tuple((component,) for component in components)
    bases = dict.fromkeys([base_image, *(component.base or base_image for component in components)])
    groups = [tuple(each for each in components if (each.base or base_image) == base) for base in bases]
    if images == "auto":
        groups = [part for group in groups for part in (_apart(group) if disputed(group) else [group])]
    return tuple(group for group in groups if group)


def _apart(components: Together) -> list[Together]:
    """As few images as the order of the components gives: each joins the first whose pins its own agree with."""
    parts: list[Together] = []
    for component in components:
        place = next((number for number, part in enumerate(parts) if not disputed((*part, component))), None)
        if place is None:
            parts.append((component,))
        else:
            parts[place] += (component,)
    return parts
