"""The step plain."""


def plain(n: int) -> int:
    return n + 1
