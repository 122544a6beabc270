"""Training: candidates in, runs out. Importing this package does not load torch; using its functions does."""

from __future__ import annotations

from selectdis.training.candidate import Candidate

__all__ = ["Candidate"]
