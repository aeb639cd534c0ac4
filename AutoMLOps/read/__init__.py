"""Turns notebook cells into a Pipeline."""

from .cells import notebook
from .loaded import Fetched, Wanted
from .pipeline import Reading, pipeline, wanted

__all__ = ["Fetched", "Reading", "Wanted", "notebook", "pipeline", "wanted"]
