"""What stands in for a proxy that one has searched on: the evidence that comes with selectdis."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import pandas as pd

from selectdis import selection
from selectdis.data._reference import DataReference
from selectdis.data._statistics import image_statistics
from selectdis.errors import SelectdisError
from selectdis.objectives import takes_pairs
from selectdis.records import CONFIGURATION, DATASET, FAMILY, OBJECTIVE
from selectdis.selection._trust import trust_of_evidence
from selectdis.selection.archive._distance import Distance, distance_to
from selectdis.selection.archive._portfolio import SEEDS, Portfolio, plan_runs, portfolio
from selectdis.spec import StudySpec, evidence_study
from selectdis.study._search import SETTINGS, Params, params_of

__all__ = ["EvidenceProxy"]

TRAINING = ("steps", "batch_size")  # whose change makes another transfer than the one that was backtested


class EvidenceProxy:
    """The part of the evidence that a study carries over to a target without labels.

    Parameters
    ----------
    spec : StudySpec
        Of a study whose proxy is the evidence.
    """

    def __init__(self, spec: StudySpec) -> None:
        assert spec.evidence is not None
        self.spec, self.part = spec, spec.evidence

    @cached_property
    def _runs(self) -> pd.DataFrame:
        return selection.evidence(self.part)

    @property
    def image_size(self) -> int:
        """Pixels per side of the images that the runs were trained on."""
        return int(self._runs["image_size"].iloc[0])

    def records(self, target: DataReference | None = None) -> pd.DataFrame:
        """Return the labelled runs from which rules learn for `target`: of other families, and such as it can train."""
        runs = self._runs
        if target is not None:
            own = runs.loc[runs[DATASET] == target.name, FAMILY]
            runs = runs[~runs[FAMILY].isin(own) & ~runs[OBJECTIVE].isin(self.left_out(target))]
        return runs.reset_index(drop=True)

    def left_out(self, target: DataReference) -> list[str]:
        """Return the objectives of the evidence that cannot be trained on `target`: it gives no pairs of images."""
        paired = [name for name in self._runs[OBJECTIVE].unique() if takes_pairs(name)]
        try:
            return paired if target.load().pairs is None else []
        except SelectdisError:  # the pictures have moved since; a folder of them gave no pairs
            return paired

    def plan(self, rule: selection.Rule, target: DataReference, runs: int | None) -> Portfolio:
        """Return what to train on `target`: so many `runs`, or the study file's seeds of all that is in the evidence.

        Configurations that learn from pairs are left out where the target gives none.
        """
        order = portfolio(self.records(target), rule, self.spec.select.score)
        return Portfolio(order, self.spec.select.seeds) if runs is None else plan_runs(order, runs)

    def params(self, chosen: Sequence[str]) -> Iterator[Params]:
        """Yield the parameters of configurations, with the study's own settings where it has others."""
        rows = self._runs.drop_duplicates(CONFIGURATION).set_index(CONFIGURATION)
        theirs = StudySpec.model_validate({**self.spec.model_dump(), "search": evidence_study(self.part)["search"]})
        mine = {name: getattr(self.spec.search, name) for name in SETTINGS}
        changed = {name: own[0] for name, own in mine.items() if own and len(own) == 1}
        for name in chosen:
            params = params_of(rows.loc[name].to_dict(), theirs.search)
            assert params is not None
            yield params | {key: value for key, value in changed.items() if key in params}

    def departures(self, image_shape: tuple[int, int, int] | None = None) -> list[str]:
        """Return in words how the transfer differs from those that were backtested; none where it does not."""
        usual = evidence_study(self.part)
        found = {name: getattr(self.spec.training, name) for name in TRAINING}
        there = {name: usual["training"][name] for name in TRAINING}
        for name in SETTINGS:
            if (own := getattr(self.spec.search, name)) is not None and name in usual["search"]:
                found[name], there[name] = _one(own), _one(tuple(usual["search"][name]))
        if image_shape is not None:
            found["image_size"], there["image_size"] = image_shape[1], self.image_size
        other = [name for name in found if found[name] != there[name]]
        return [f"{name} {found[name]}, where the evidence has {there[name]}" for name in other]

    def untried(self, rule: selection.Rule, records: pd.DataFrame) -> list[str]:
        """Return in words how fewer runs there are than `rule` was tried with; none where there are enough."""
        counts = records.loc[selection.pickable(records), CONFIGURATION].value_counts()
        wanted = 1 if rule.configuration is None else rule.top
        enough = int((counts >= SEEDS - 1).sum())  # one of five may diverge
        if enough >= wanted:
            return []
        there = f"{enough} configurations with {SEEDS} seeds, where the rule was tried with {wanted}"
        return [f"{there}: give it more --minutes"]

    def trust(self, rule: selection.Rule, target: DataReference) -> selection.Trust:
        """Say what `rule` did on each family of the evidence, among such runs as `target` can train."""
        score, left_out = self.spec.select.score, self.left_out(target)
        told = trust_of_evidence(rule, self.part, score=score, target=target.name, without_objectives=left_out)
        if told.published is None or not left_out:
            return told
        return replace(told, note=f"That is without the runs of {', '.join(left_out)}: these images give no pairs.")

    def distance(self, target: DataReference, runs: pd.DataFrame, rule: selection.Rule) -> Distance | None:
        """Return how far `target` is from the data sets of the evidence, by its images and by `runs` on them."""
        data = target.load()
        numbered = runs.assign(numbers=math.prod(data.image_shape)) if len(runs) else None
        about, left_out = image_statistics(data), self.left_out(target)
        return distance_to(self.part, about, numbered, rule=rule, name=data.name, without_objectives=left_out)

    def about(self, image_shape: tuple[int, int, int]) -> str:
        """Return what is taken from the evidence, in a sentence."""
        if departures := self.departures(image_shape):
            return f"This transfer was never backtested: {'; '.join(departures)}."
        runs, search = self._runs, evidence_study(self.part)["search"]
        kind = "grey" if image_shape[0] == 1 else "colour"
        architecture, width, latents = (_one(tuple(search[name])) for name in ("architecture", "width", "latents"))
        return (
            f"From the evidence (part {self.part}: {runs[DATASET].nunique()} labelled data sets of "
            f"{runs[FAMILY].nunique()} families): {self.image_size} x {self.image_size} pixels in {kind}, architecture "
            f"{architecture} of width {width}, {latents} latents, {self.spec.training.steps:,} steps{self._precision}."
        )

    @property
    def _precision(self) -> str:
        """The precision in words, where it is not that of the evidence: of a processor that has no fast bfloat16."""
        own, usual = self.spec.training.precision, evidence_study(self.part)["training"].get("precision")
        return "" if own == usual else f" in {own} (the evidence: {usual})"

    def refuse_search(self) -> None:
        """Refuse to search on what is trained already."""
        raise SelectdisError(
            "the proxy of this study is the evidence, whose runs are trained already: there is nothing to run; "
            "`selectdis transfer` trains on the target"
        )


def _one(values: Any) -> Any:
    return values[0] if isinstance(values, tuple) and len(values) == 1 else values
