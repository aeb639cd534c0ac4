"""Turns notebook cells into a Pipeline."""

from .cells import notebook
from .pipeline import Reading, pipeline

__all__ = ["Reading", "notebook", "pipeline"]
