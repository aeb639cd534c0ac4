# Copyright 2026 The Team
# All of it's "ours" (c) */ --> {{ x }}

"""The step newer."""


def newer(n: int) -> int:
    return n + 1
