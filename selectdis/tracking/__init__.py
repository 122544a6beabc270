"""MLflow, and only here: a listener to the events of a study."""

from selectdis.tracking._listener import MLflowListener
from selectdis.tracking._rebuild import rebuild

__all__ = ["MLflowListener", "rebuild"]
