"""The step newer_too."""


def newer_too(n: int) -> int:
    return n + 1
