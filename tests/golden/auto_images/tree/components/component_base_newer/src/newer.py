"""The step newer."""


def newer(n: int) -> int:
    return n + 1
