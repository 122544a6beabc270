"""Which way is better, as the registries of metrics and criteria say."""

from __future__ import annotations

from selectdis import _plugins
from selectdis.criteria import CRITERIA, TO_TRY, Criterion
from selectdis.errors import SelectdisError
from selectdis.metrics import METRICS, Metric

__all__ = ["direction", "has_direction"]


def direction(name: str) -> int:
    """Return +1 where a higher score is better, and -1 where a lower one is.

    Parameters
    ----------
    name
        A metric or criterion without its column prefix; ``.sampled``, ``.few100`` or a number of labels may follow.

    Raises
    ------
    SelectdisError
        Nothing is known of this score; give the direction to the rule instead.
    """
    parts = name.partition(".")[0].split("_")
    # A variant has the direction of what it varies: downstream_lr_100, downstream_lr.
    for known in (name, *("_".join(parts[:k]) for k in range(len(parts), 0, -1))):
        if (better := _higher_is_better(known)) is not None:
            return 1 if better else -1
    raise SelectdisError(
        f"nothing says whether a high {name!r} is good: for a criterion write '+{name}' or '-{name}' in the rule "
        "(in Python: higher_is_better=); a metric of your own says it as a plug-in (selectdis.metrics.Metric)"
    )


def has_direction(name: str) -> bool:
    """Return whether something says which way of a score is better."""
    try:
        direction(name)
    except SelectdisError:
        return False
    return True


def _higher_is_better(name: str) -> bool | None:
    registered: list[Metric | Criterion] = [*METRICS.values(), *CRITERIA.values(), *TO_TRY.values()]
    for score in registered:
        if name == score.name or name in score.produces:
            return score.higher_is_better
    return _plugins.DIRECTIONS.get(name)
