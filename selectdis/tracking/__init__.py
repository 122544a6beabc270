"""MLflow, and only here: a listener to the events of a study."""

from selectdis.tracking.listener import MLflowListener
from selectdis.tracking.rebuild import rebuild

__all__ = ["MLflowListener", "rebuild"]
