"""The report of a rehearsal: one HTML document that holds all there is to see, and needs nothing else."""

from .page import page
from .told import anchor
from .traces import Document, Evidence, evidence

__all__ = ["Document", "Evidence", "anchor", "evidence", "page"]
