"""Starts from an image that another project keeps."""


def elsewhere(n: int) -> int:
    """Starts from an image that another project keeps."""
    return n + 1
