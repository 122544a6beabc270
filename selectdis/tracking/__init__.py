"""MLflow, and only here: a view of a study that is a replay of its records."""

from selectdis.tracking._listener import MLflowListener
from selectdis.tracking._rebuild import rebuild, track

__all__ = ["MLflowListener", "rebuild", "track"]
