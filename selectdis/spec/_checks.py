"""What the types of a study file cannot say: names of objectives, strengths and scores, values that can be trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from selectdis import selection
from selectdis.criteria import CRITERIA
from selectdis.errors import SelectdisError, nearest
from selectdis.metrics import SCORES, resolve_metrics
from selectdis.records import score_name

if TYPE_CHECKING:
    from selectdis.spec._model import EvaluationSpec, StudySpec

__all__ = ["SpecError", "check_name", "check_scores", "check_values"]


class SpecError(SelectdisError):
    """A broken rule of the study file; `path` holds the keys that lead to the culprit from where it is raised."""

    def __init__(self, message: str, path: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.path = path


def check_name(what: str, name: str, known: Iterable[str], path: tuple[str, ...]) -> None:
    """Refuse a `name` that is not `known`, and offer the nearest."""
    if name not in (names := tuple(known)):
        hint = nearest(name, names) or f"; known: {', '.join(names)}"
        raise SpecError(f"unknown {what} {name!r}{hint}", path)


def check_values(values: Iterable[Any], accept: Callable[[Any], Any], path: tuple[str, ...]) -> None:
    """Refuse the first of `values` that `accept` refuses, in its words."""
    for value in values:
        try:
            accept(value)
        except SelectdisError as error:
            raise SpecError(str(error), path) from None


def check_scores(spec: StudySpec) -> None:
    """Refuse names of scores and metrics that no run of the study will have.

    Raises
    ------
    SpecError
        With the way to the key, and the nearest right name.
    """
    check_values([spec.evaluation], _metrics, ("evaluation", "metrics"))
    metrics, criteria = _metrics(spec.evaluation), _criteria(spec.evaluation)
    asked: list[tuple[tuple[str, ...], str, list[str]]] = []
    asked += [(("evaluation", "criteria"), name, ["fast", "all", *CRITERIA]) for name in spec.evaluation.criteria]
    asked += [(("optimise",), name, ["score", *metrics, *criteria]) for name in spec.optimise]
    asked += [(("constraints",), constraint.score, [*metrics, *criteria]) for constraint in spec.constraints]
    asked += [(("select", "score"), name, ["win_rate", *metrics]) for name in spec.select.score.split("+")]
    for path, name, known in asked:
        if score_name(name) not in known:
            raise SpecError(_unknown(name, known), path)
    if problem := _wrong_rule(spec.select.run, metrics, criteria):
        raise SpecError(problem, ("select", "run"))


def check_rule(rule: selection.Rule, spec: StudySpec) -> None:
    """Refuse a rule that goes by what no run of the study will have; one that only Python can say is not looked at.

    Raises
    ------
    SelectdisError
        With the nearest right name.
    """
    if _problem(rule.label) or selection.parse_rule(rule.label) != rule:
        return
    if problem := _wrong_rule(rule.run.label, _metrics(spec.evaluation), _criteria(spec.evaluation)):
        raise SelectdisError(f"the rule {rule.label!r}: {problem}")


def _metrics(spec: EvaluationSpec) -> list[str]:
    """List what is measured on labelled images."""
    names = [name for metric in resolve_metrics(spec.metrics).values() for name in metric.produces]
    return names + [f"{name}.sampled" for name in names if spec.sampled]


def _criteria(spec: EvaluationSpec) -> list[str]:
    """List what is computed without labels."""
    names: list[str] = []
    for name, criterion in CRITERIA.items():
        if criterion.cost == "cheap" or {name, "all"} & set(spec.criteria):
            names += criterion.produces
            names += [f"{one}.sampled" for one in criterion.produces if criterion.of_codes and spec.sampled]
    return names


def _wrong_rule(run: str, metrics: list[str], criteria: list[str]) -> str:
    """Say what is wrong with how a rule picks a run, or nothing."""
    kind, _, name = run.partition(":")
    if kind == "labels":
        few = [metric for metric in metrics if _from_few_labels(metric)]
        known = f"{', '.join(few[:6]) or 'none'}; `few_labels` among them gives mig.few100 and others"
        return (
            ""
            if name in few
            else (
                f"`labels:` takes a score from a few labels that evaluation.metrics measures ({known}), found {run!r}"
            )
        )
    if kind in ("calibrated", "auto") or run == "hierarchical":
        return _problem(f"any > {run}")
    averaged = name if kind == "hierarchical" else run
    asked = [run[1:]] if run[:1] in ("+", "-") else averaged.split("+")
    wrong = [one for one in asked if score_name(one) not in ("random", *criteria)]
    every = ["random", "calibrated", "hierarchical", "auto", "labels:", *criteria]
    return _unknown(run if len(asked) == 1 else wrong[0], every) if wrong else ""


def _from_few_labels(metric: str) -> bool:
    return not _problem(f"any > labels:{metric}")


def _problem(rule: str) -> str:
    try:
        selection.parse_rule(rule)
    except SelectdisError as error:
        return str(error)
    return ""


def _unknown(name: str, known: list[str]) -> str:
    every = {*SCORES, *(name for criterion in CRITERIA.values() for name in criterion.produces)}
    if score_name(name).lstrip("+-").removesuffix(".sampled") in every:
        return (
            f"{name!r} is not measured by this study: evaluation.metrics, evaluation.criteria and evaluation.sampled "
            "say what is"
        )
    return f"no score is called {name!r}{nearest(name, known)}; see docs/metrics.md"
