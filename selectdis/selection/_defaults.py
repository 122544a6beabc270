"""The rules that are tried when nobody names any, and rules from a line of text."""

from __future__ import annotations

import re

import pandas as pd

from selectdis.errors import SelectdisError, nearest
from selectdis.records import criterion_names, labelled, metric_names
from selectdis.selection._configurations import ConfigurationScore, by_win_rate
from selectdis.selection._rules import Rule
from selectdis.selection._run_choosers import RunChooser, at_random, by_average, by_criterion, by_few_labels
from selectdis.selection._scores import current_score_name
from selectdis.selection.learned._auto import auto
from selectdis.selection.learned._calibrated import calibrated
from selectdis.selection.learned._hierarchical import hierarchical

__all__ = ["default_rules", "parse_rule"]

_TRIED = ("udr_lasso", "udr_spearman", "model_centrality", "elbo", "reconstruction")
_STATISTICS = ("mean", "median", "lcb")


def default_rules(records: pd.DataFrame) -> list[Rule]:
    """Return the rules that the records have the columns for.

    The proxies alone (win rate; its lower confidence bound; a random seed of the best configuration), each well known
    criterion within the best configurations and on its own, the calibrated rule, and any few-label score.
    """
    known = labelled(records)
    criteria = [name for name in _TRIED if name in criterion_names(known)]
    few = [name for name in metric_names(known) if re.search(r"\.few\d+$", name)]
    return [
        Rule(by_win_rate(), at_random()),
        Rule(ConfigurationScore("lcb"), at_random()),
        *(Rule(by_win_rate(), by_criterion(name)) for name in criteria[:2]),
        *(Rule(by_win_rate(), by_criterion(name), top=3) for name in criteria),
        *(Rule(None, by_criterion(name)) for name in criteria),
        *([Rule(None, calibrated()), Rule(None, hierarchical())] if criterion_names(known) else []),
        *(Rule(by_win_rate(), by_few_labels(name), top=3) for name in few),
    ]


def parse_rule(text: str) -> Rule:
    """Read a rule from ``"CONFIGURATION > RUN @ TOP"``, as study files and the command line give it.

    CONFIGURATION is ``any``, ``win_rate``, a metric, ``mig+sap`` (the win rate over these), or ``mean:``,
    ``median:``, ``lcb:`` or ``lcb2:`` (two standard errors below) and one of those. RUN is ``random``, ``calibrated``,
    ``calibrated:boosting``, ``hierarchical``, ``auto``, ``labels:`` and a few-label score, a criterion (``-name`` where
    lower is better, ``+name`` where higher is), or several averaged (``udr_lasso_pool+model_centrality``). ``@ TOP``
    (default 1) is how many configurations are in. ``auto`` alone is ``any > auto @ 3``. A rule's label reads the same.

    >>> parse_rule("lcb:mig > udr_lasso @ 3")
    Rule(configuration=by_lcb('mig'), run=by_criterion('udr_lasso'), top=3)
    """
    if text.strip() == "auto":
        text = "any > auto @ 3"
    found = re.fullmatch(r"\s*(\S+?)\s*>\s*(\S+?)\s*(?:@\s*(\d+))?\s*", text)
    if not found:
        raise SelectdisError(
            f"a rule reads 'CONFIGURATION > RUN @ TOP', such as 'mean:mig > udr_lasso @ 3', not {text!r}"
        )
    return Rule(_configuration(found[1]), _run(found[2]), int(found[3] or 1))


def _configuration(text: str) -> ConfigurationScore | None:
    if text == "any":
        return None
    found = re.fullmatch(r"(?:(mean|median|lcb)([\d.]*):)?([^:]+)", text)
    if not found or (found[2] and found[1] != "lcb"):
        hint = nearest(text.partition(":")[0], _STATISTICS)
        raise SelectdisError(f"a configuration is chosen by mean:, median: or lcb: of a metric, not {text!r}{hint}")
    names = tuple(current_score_name(name) for name in found[3].split("+"))
    score = names if len(names) > 1 else names[0]
    return ConfigurationScore(found[1] or "mean", score, float(found[2] or 1))  # type: ignore[arg-type]


def _run(text: str) -> RunChooser:
    kind, _, name = text.partition(":")
    if text == "random":
        return at_random()
    if kind == "calibrated":
        return calibrated(name or "ridge")  # type: ignore[arg-type]
    if kind == "hierarchical":
        return hierarchical(name.split("+")) if name else hierarchical()
    if text == "auto":
        return auto()
    if kind == "labels":
        return by_few_labels(name)
    if text[0] in "+-":
        return by_criterion(text[1:], higher_is_better=text[0] == "+")
    if "+" in text:
        return by_average(text.split("+"))
    return by_criterion(text)
