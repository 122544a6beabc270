"""What a transfer gives: the target's runs, the pick among them, and how far to trust it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from selectdis import selection
from selectdis.data._label_table import Labels, labels_of_frame
from selectdis.errors import SelectdisError, whole_number
from selectdis.records import pickable, with_settings, without_labels
from selectdis.selection._run_choosers import RunScores
from selectdis.selection._trust import UNKNOWN, by_what, never_backtested, trust_in_labels
from selectdis.selection.archive._distance import Distance
from selectdis.selection.few_labels import in_resamples
from selectdis.study._labelled import COLUMNS, ByLabels, LabelRanking, kept_ranking, rank_runs
from selectdis.study.persistence._database import retry_while_away
from selectdis.study.picking._evidence import EvidenceProxy
from selectdis.training import Run

if TYPE_CHECKING:
    from selectdis.study._stage import Stage

__all__ = ["Transfer", "TransferOptions"]

OPTIONS = "transfer"  # attribute of the target's Optuna study


@dataclass(frozen=True)
class PickedOnce:
    """Stands in for a chooser of somebody's own, which no text says: it chooses the run that was picked."""

    label: str
    candidate: str
    target_columns: tuple[str, ...] = ()

    def fit(self, proxies: pd.DataFrame) -> RunScores:
        return lambda target: np.where(target["candidate"] == self.candidate, 1.0, np.nan)


@dataclass(frozen=True)
class RecordedRule(selection.Rule):
    """A rule that was made in Python, known by the label that it had and the run that it picked."""

    said: str = ""

    @property
    def label(self) -> str:
        return self.said


@dataclass(frozen=True)
class TransferOptions:
    """What was given to a transfer beside the study file, kept with it: every view is to show the same pick.

    `label` is that of the rule; `pick` is the run that a rule picked which its label does not say (one made in Python).
    """

    label: str | None = None
    top: int | None = None
    seeds: int | None = None
    pick: str | None = None
    given: selection.Rule | None = None  # the rule itself, as long as it is there

    @classmethod
    def of(cls, rule: selection.Rule | str | None, top: int | None, seeds: int | None) -> TransferOptions:
        """Return what a transfer is given; `seeds` is bounded as in the study file."""
        seeds = None if seeds is None else whole_number("seeds", seeds, 1, 1_000_000)
        top = None if top is None else whole_number("top", top, 1)
        parsed = selection.parse_rule(rule) if isinstance(rule, str) else rule
        return cls(None if parsed is None else parsed.label, top, seeds, given=parsed)

    @classmethod
    def kept(cls, stage: Stage) -> TransferOptions:
        """Return what the transfer to the data of `stage` was last given; a folder may come from anybody."""
        said = stage.study.user_attrs.get(OPTIONS)
        said = said if isinstance(said, dict) else {}
        label, pick = (said[key] if isinstance(said.get(key), str) else None for key in ("label", "pick"))
        top, seeds = (whole_number(key, said[key], 1) if key in said else None for key in ("top", "seeds"))
        return cls(label, top, seeds, pick)

    def rule(self, usual: Callable[[int | None], selection.Rule]) -> selection.Rule:
        """Return the rule; `usual` gives the study file's, for a number of configurations."""
        if self.label is None:
            return usual(self.top)
        rule = self.given or self._from_label() or usual(None)
        return rule if self.top is None else replace(rule, top=self.top)

    def _from_label(self) -> selection.Rule | None:
        if self.pick is not None:
            return RecordedRule(None, PickedOnce(str(self.label), self.pick), said=str(self.label))
        try:
            return selection.parse_rule(str(self.label))
        except SelectdisError:
            return None

    def keep(self, stage: Stage, usual: Callable[[int | None], selection.Rule]) -> None:
        """Write these options; that others hold no longer, without being replaced, is said."""
        old, new = TransferOptions.kept(stage).rule(usual).label, self.rule(usual).label
        if self.label is None and self.top is None and old != new:
            warnings.warn(
                f"the last transfer to {stage.data.name} was given the rule '{old}', and this one goes by the study "
                f"file's, '{new}': to go on as before, give the options again",
                stacklevel=3,
            )
        self.write(stage)

    def keep_pick(self, stage: Stage, candidate: str) -> None:
        """Write what was picked, where the rule's label does not say how."""
        if self.given is not None and self._from_label() != self.given:
            self.write(stage, pick=candidate)

    def write(self, stage: Stage, **more: str) -> None:
        """Write these options, whatever was there."""
        said: dict[str, Any] = {"label": self.label, "top": self.top, "seeds": self.seeds, **more}
        said = {key: value for key, value in said.items() if value is not None}
        if said != stage.study.user_attrs.get(OPTIONS, {}):
            retry_while_away(lambda: stage.study.set_user_attr(OPTIONS, said))


@dataclass(frozen=True, repr=False)
class Transfer:
    """The outcome of `Study.transfer`.

    Attributes
    ----------
    target : str
        Name of the data set.
    records : pandas.DataFrame
        One row per run on the target.
    rule : selectdis.selection.Rule
        The selection rule.
    pick : Pick or None
        The picked run and its place; None where no run has finished, or the transfer has not come to its end.
    proxies : pandas.DataFrame
        One row per run on the proxies, which the rule has seen.
    score : str
        What runs are compared by where there are labels.
    stage : Stage
        Where the runs are kept.
    labels : LabelRanking or None
        What a few labels say of the runs, where the pick goes by them.
    """

    target: str
    records: pd.DataFrame
    rule: selection.Rule
    pick: selection.Pick | None
    proxies: pd.DataFrame
    score: str
    stage: Stage
    labels: LabelRanking | None = None

    @classmethod
    def of(cls, stage: Stage, rule: selection.Rule, proxies: pd.DataFrame) -> Transfer:
        """Apply `rule` to the runs of `stage`."""
        records = stage.records
        pick = (
            rule.pick(proxies, without_labels(records, rule.target_columns))
            if stage.judged and _any_finished(records)
            else None
        )
        return cls(stage.data.name, records, rule, pick, proxies, stage.spec.select.score, stage)

    def __repr__(self) -> str:
        runs = f"{int(pickable(self.records).sum()) if _any_finished(self.records) else 0} of {len(self.records)} runs"
        pick = f"pick: {self.pick.candidate}" if self.pick else f"no pick: {self._why_none}"
        known = f"; {self.trust}" if "trust" in vars(self) else ""  # a backtest: shown where it has been made
        return f"Transfer(target {self.target!r}, {runs} finished, {pick}, rule: {self.rule.label}{known})"

    @cached_property
    def trust(self) -> selection.Trust:
        """What is known of the rule, from these proxies and from the published records; renders as sentences.

        A backtest, and therefore made when it is asked for.
        """
        if self.labels is not None:
            labelled = self.records[self.records["candidate"].isin(list(self.labels.runs))]
            return trust_in_labels(self.rule, self.labels.n_labels, labelled["configuration"].nunique())
        if isinstance(self.rule, RecordedRule):
            return selection.Trust(self.rule.label, "nothing", why="it was made in Python, and is not there any more")
        if self.stage.spec.evidence is not None:
            return self._trust_of_evidence()
        return selection.trust(self.rule, self.proxies, score=self.score, target=self.target)

    def _trust_of_evidence(self) -> selection.Trust:
        proxy = EvidenceProxy(self.stage.spec)
        if departures := [*proxy.departures(self.image_shape), *proxy.untried(self.rule, self.records)]:
            return never_backtested(self.rule, departures)
        told = proxy.trust(self.rule, self.stage.data)
        if (distance := self.distance) is None:
            return told
        note = " ".join(filter(None, [told.note, str(distance)]))
        return replace(told, note=note, decision=UNKNOWN if distance.beyond else told.decision)

    @cached_property
    def distance(self) -> Distance | None:
        """How far the target is from the evidence; None with a proxy of one's own, or without images."""
        if self.stage.spec.evidence is None:
            return None
        try:
            self.stage.data.load()
        except SelectdisError:  # the pictures have moved since
            return None
        runs = self.records if _any_finished(self.records) else self.records.iloc[:0]
        return EvidenceProxy(self.stage.spec).distance(self.stage.data, runs, self.rule)

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """Channels, height and width of the images that the runs take; None before the first one has ended."""
        runs = (self.stage.load_run(str(candidate)) for candidate in self.records.get("candidate", ()))
        return next((run.image_shape for run in runs if run is not None), None)

    @property
    def why(self) -> str:
        """Why this run was picked."""
        if self.pick is None:
            return self._why_none
        rule, inside = self.rule, self.allowed
        if self.labels is not None:
            return f"{self._why_labels} (rule: {rule.label})"
        picked = self.records[self.records["candidate"] == self.pick.candidate].iloc[0]
        value = picked.get(f"criterion.{rule.run.label}")
        score = "" if value is None else f", {value:.3g}"
        best = f"the best of {len(inside)} runs on the target by {by_what(rule.run)}{score}"
        if rule.configuration is not None:
            n = inside["configuration"].nunique()
            configurations = "the configuration that is" if n == 1 else f"the {n} configurations that are"
            best += f", from {configurations} best by {by_what(rule.configuration)} on the proxy"
        tied = f"; {self.pick.tied} runs tied, and one of them was drawn" if self.pick.tied > 1 else ""
        return f"{best}{tied} (rule: {rule.label})"

    @property
    def _why_labels(self) -> str:
        assert self.labels is not None
        assert self.pick is not None
        score, error, p_best = self.labels.runs[self.pick.candidate]
        unknown = int((pickable(self.records) & self.records[COLUMNS[0]].isna()).sum())
        others = f"; {unknown} finished runs are not scored by these labels yet" if unknown else ""
        return (
            f"the best of {len(self.labels.runs)} runs on the target by {self.labels.n_labels} labelled images: "
            f"latent share {score:.2f} (standard error {error:.2f}), "
            f"{in_resamples(p_best)}{others}"
        )

    @property
    def _why_none(self) -> str:
        if not _any_finished(self.records):
            return "no run has finished"
        return (
            "the transfer has not come to its end, where the criteria over many runs are computed and one is picked by "
            f"{by_what(self.rule.run)}; these are the runs so far, and `selectdis transfer` goes on"
        )

    @cached_property
    def allowed(self) -> pd.DataFrame:
        """The runs that the rule picks from: those that finished, of the configurations that are in."""
        ranked = self.rule.rank(self.proxies, without_labels(self.records, self.rule.target_columns))
        return ranked[ranked["rule_score"].notna()]

    @property
    def outcome(self) -> str:
        """How good the pick was, where the target has labels after all; the rule did not see them. Else empty."""
        names = selection.metric_names(self.records)
        if self.pick is None or not names:
            return ""
        finished = self.records[pickable(self.records)]
        scores = selection.run_scores(finished, self.score)
        picked = scores[(finished["candidate"] == self.pick.candidate).to_numpy()][0]
        known, name = scores[~np.isnan(scores)], self.score.replace("_", " ")
        if np.isnan(picked):
            return f"the target has labels, but the pick has no {name} by them"
        return (
            f"by the target's labels, which the rule did not see, the pick has a {name} of {picked:.3g}, against "
            f"{known.mean():.3g} for the average of its {len(known)} runs and {known.max():.3g} for the best: it is "
            f"better than {(known < picked).sum()} of the other {len(known) - 1}"
        )

    @property
    def model(self) -> str:
        """Where the picked run lies."""
        return "" if self.pick is None else str(self.stage.model_path(self.pick.candidate))

    @property
    def best(self) -> Run:
        """The picked run, loaded from disk.

        Raises
        ------
        SelectdisError
            If no run has finished on the target.
        """
        if self.pick is None:
            raise SelectdisError(f"no run on the target {self.target!r} has finished, so there is none to pick")
        return Run.load(self.stage.model_path(self.pick.candidate))

    def with_labels(self, labels: pd.DataFrame | Labels) -> Transfer:
        """Return this transfer with its pick by a few labels: of all its finished runs, the best `latent_share`.

        Nothing is kept: `Study.label` lets every view follow the labels.

        Parameters
        ----------
        labels : pandas.DataFrame
            A row per labelled image, as `selectdis label` writes it: `image`, its index in the target, and a column per
            factor whose name says its values, ``size=small,medium,large`` in order or ``hue:red,green,blue`` without
            one; cells may be empty.

        Returns
        -------
        Transfer
            Its records have `criterion.latent_share` (at most 1, higher is better), `labels.error` (its standard
            deviation over resamples of the images) and `labels.p_best` (the share of these in which a run is the best).

        Raises
        ------
        SelectdisError
            On a label that is none of the values (naming row, column and the nearest), an image that there is not, or
            fewer than two finished runs whose files are there.
        """
        given = labels if isinstance(labels, Labels) else labels_of_frame(labels, len(self.stage.data.load()))
        return self.by_ranking(rank_runs(self.stage, given))

    def by_ranking(self, ranking: LabelRanking) -> Transfer:
        """Return this transfer with its pick by what labels say of its runs."""
        records = self.records.assign(**ranking.columns(self.records["candidate"]))
        rule = selection.Rule(None, ByLabels())
        return replace(self, records=records, rule=rule, pick=rule.pick(self.proxies, records), labels=ranking)

    def as_kept(self) -> Transfer:
        """Return this transfer as every view is to show it: by the labels that were read last, where there are any."""
        ranking = kept_ranking(self.stage)
        known = (
            ranking is not None and _any_finished(self.records) and self.records["candidate"].isin(ranking.runs).any()
        )
        return self.by_ranking(ranking) if ranking is not None and known else self

    def leaderboard(self) -> pd.DataFrame:
        """Return the target's runs as the rule sees them, best first: its score, and the probability of picking each.

        Before the end of a transfer, which is said, its runs so far in the order of their training.
        """
        everything = pd.concat([self.proxies, self.records])  # the words tell apart what the proxy has
        if self.pick is None:
            if _any_finished(self.records):
                warnings.warn(f"the target {self.target}: {self.why}", stacklevel=2)
            return with_settings(self.records, everything)
        ranked = self.rule.rank(self.proxies, without_labels(self.records, self.rule.target_columns))
        ranked.insert(1, "rank", range(1, len(ranked) + 1))
        return with_settings(ranked, everything).reset_index(drop=True)


def _any_finished(records: pd.DataFrame) -> bool:
    return "status" in records and bool(pickable(records).any())
