"""Runs with an older package."""


def older(n: int) -> int:
    """Runs with an older package."""
    return n + 1
