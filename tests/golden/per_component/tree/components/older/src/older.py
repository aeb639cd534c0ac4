# Copyright 2026 The Team
# All of it's "ours" (c) */ --> {{ x }}

"""Runs with an older package."""


def older(n: int) -> int:
    """Runs with an older package."""
    return n + 1
