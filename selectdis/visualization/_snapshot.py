"""What figures and reports of a study are made of: records, picks and pictures, read once."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from selectdis import selection
from selectdis._redaction import redacted, redacted_text
from selectdis.errors import SelectdisError
from selectdis.records import CONFIGURATION, DATASET, need
from selectdis.selection._trust import BETTER, DO_NOT, MORE, UNKNOWN, USE, Trust
from selectdis.study._replay import StageView, stage_views
from selectdis.training import Run
from selectdis.visualization._pictures import RunPictures, picture_run

if TYPE_CHECKING:
    from selectdis.study._transfer import Transfer

__all__ = [
    "StageSnapshot", "StudySnapshot", "best_runs", "snapshot_of", "snapshot_of_records",
    "stage_scores", "take_snapshot",
]  # fmt: skip


def _nothing(candidate: str) -> None:
    return None


@dataclass(frozen=True)
class StageSnapshot:
    """A stage: a data set with all its runs; of a target also the pick, and what is known of the rule.

    Attributes
    ----------
    kind : ``"proxy"`` or ``"target"``
    name : of the data set
    records : one row per run
    best : ids of the runs that come first: on a proxy by the study's score, on a target the pick and then by the rule's
        criterion
    criterion : what runs are judged by where there are no labels
    pick : id of the picked candidate, or None
    why, words : why it was picked, in short and in words that need no explanation
    verdict, trust : whether to rely on it, in a sentence; and all that is known of that
    load_run : id of a candidate -> its trained run; None where it left no file
    pictures_of : id of a candidate -> what there is to draw of it; None where it left no file or the images are gone
    """

    kind: str
    name: str
    records: pd.DataFrame
    best: tuple[str, ...] = ()
    criterion: str = ""
    pick: str | None = None
    why: str = ""
    words: str = ""
    verdict: str = ""
    trust: str = ""
    load_run: Callable[[str], Run | None] = field(default=_nothing, repr=False)
    pictures_of: Callable[[str], RunPictures | None] = field(default=_nothing, repr=False)

    @property
    def pick_or_best(self) -> str | None:
        """The pick; on a proxy, the best run."""
        return self.pick or (self.best[0] if self.best and self.kind == "proxy" else None)

    @property
    def picked_configuration(self) -> str | None:
        """The configuration of the pick."""
        return None if self.pick is None else str(self.row(self.pick)["configuration"])

    def row(self, candidate: str) -> dict[str, Any]:
        """Return the record of `candidate` (an id)."""
        rows = self.records[self.records["candidate"] == candidate]
        return {str(name): value for name, value in rows.iloc[0].to_dict().items()}


@dataclass(frozen=True)
class StudySnapshot:
    """A study as figures and the report see it: fit to be sent around, since no URL in it holds a password.

    Attributes
    ----------
    score : what configurations are ranked by on the proxies (``win_rate`` or a metric)
    stages : the proxies, then the targets
    notes : sentences about what the page lacks
    evidence : the published runs, where they stand in for a proxy
    importances : of parameters for the score, as `Study.importances` gives them; empty where there are none
    """

    name: str
    description: str
    spec: dict[str, Any]
    score: str
    stages: tuple[StageSnapshot, ...]
    notes: tuple[str, ...] = ()
    evidence: pd.DataFrame | None = None
    importances: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)

    @property
    def proxies(self) -> list[StageSnapshot]:
        return [stage for stage in self.stages if stage.kind == "proxy"]

    @property
    def targets(self) -> list[StageSnapshot]:
        return [stage for stage in self.stages if stage.kind == "target"]

    @property
    def latest_first(self) -> list[StageSnapshot]:
        """The latest target first, the proxies last: what a reader came for."""
        return [*self.targets[::-1], *self.proxies]

    @property
    def proxy_names(self) -> str:
        return " and ".join(stage.name for stage in self.proxies) or "the evidence"

    @property
    def first_proxy(self) -> str:
        """The name of the first proxy.

        Raises
        ------
        SelectdisError
            The evidence is the proxy, whose runs are not this study's.
        """
        if not self.proxies:
            raise SelectdisError("the proxy is the evidence, whose runs are not here: name a data set of the study")
        return self.proxies[0].name

    @property
    def proxy_records(self) -> pd.DataFrame:
        if self.evidence is not None:
            return self.evidence
        return _joined([stage.records for stage in self.proxies])

    @property
    def records(self) -> pd.DataFrame:
        """The runs of all stages."""
        return _joined([stage.records for stage in self.stages])


def _joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    frames = [frame for frame in frames if len(frame)]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def take_snapshot(study: Any, *, top: int = 3) -> StudySnapshot:
    """Read a study.

    Parameters
    ----------
    study : Study
        One that has run.
    top : int
        How many runs of each stage are `best`.

    Returns
    -------
    StudySnapshot

    Raises
    ------
    SelectdisError
        The study has no runs yet.
    """
    snapshot = snapshot_of(study, sorted(stage_views(study), key=_age), top)
    if not snapshot.stages:
        raise SelectdisError(f"the study {study.name!r} in {study.folder} has no runs yet: run it first")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of proxies with too few configurations: the section says so
        return replace(snapshot, importances=study.importances())


def snapshot_of_records(records: pd.DataFrame, name: str) -> StudySnapshot:
    """Show a table of records as a study without a target: each data set is a stage, and has no pictures.

    Parameters
    ----------
    records : DataFrame
        As `selection.read_records` gives them.
    name : str
        What stands above the page.

    Returns
    -------
    StudySnapshot

    Raises
    ------
    SelectdisError
        The table says of no run which data set and configuration it has.
    """
    need(records, DATASET, CONFIGURATION)
    records = records.assign(candidate=records["candidate"]) if "candidate" in records else _numbered(records)
    score = "win_rate"
    stages = []
    for dataset, part in records.groupby(DATASET, sort=False):
        finished = part[selection.pickable(part)]
        try:
            board = selection.leaderboard(finished, by="run", score=score)
        except SelectdisError:  # nothing to rank by
            board = pd.DataFrame({"candidate": []})
        labelled = bool(selection.metric_names(finished))
        criterion = "" if labelled or board.empty else str(board["ranked_by"].iloc[0])
        best = tuple(map(str, board["candidate"].head(3)))
        kind = "proxy" if labelled else "target"
        stages.append(StageSnapshot(kind, str(dataset), part.reset_index(drop=True), best, criterion))
    stages.sort(key=lambda stage: stage.kind == "target")
    said = "This page is of a table of records: nothing is picked, and there are no pictures of runs."
    return StudySnapshot(name, "", {}, score, tuple(stages), (said,))


def _numbered(records: pd.DataFrame) -> pd.DataFrame:
    return records.assign(candidate=[f"run {number}" for number in range(1, len(records) + 1)])


_VERDICTS = {
    USE: "Use it",
    BETTER: "Better than nothing: take it rather than a random run, and expect to be wrong at times",
    DO_NOT: "Do not rely on it: label a few images instead",
    UNKNOWN: "Nothing is known here: label a few images",
    MORE: "Label more images: so few were never tried",
}


def verdict(trust: Trust) -> str:
    """Return in one sentence whether to rely on a pick, and what that rests on."""
    odds = []
    if trust.published is not None:
        found = trust.published
        told = _times(found.p, found.low, found.high, f"{len(found.values)} published data sets")
        if found.moved:
            told += f", {found.moved} without any one kind of them to learn from"
        odds.append(told)
    if trust.known == "other data sets":
        odds.append(_times(trust.p, trust.low, trust.high, f"{trust.n_datasets} data sets of your own"))
    if trust.known == "same data set":
        odds.append(_times(trust.p, trust.low, trust.high, "new seeds of your own proxy"))
    if trust.known == "labels" and not np.isnan(trust.p):
        odds.append(_times(trust.p, trust.low, trust.high, "published data sets with as many labels"))
    if trust.decision == MORE:
        return f"{_VERDICTS[MORE]}."
    if trust.decision == UNKNOWN:
        return f"{_VERDICTS[UNKNOWN]}. {trust.note}".strip()
    known = f"such picks beat a random run in {' and in '.join(odds)}" if odds else "nothing is known of such picks"
    return f"{_VERDICTS.get(trust.decision, trust.decision)}: {known}."


def _times(p: float, low: float, high: float, where: str) -> str:
    return f"{100 * p:.0f} of 100 cases on {where} (95% interval {100 * low:.0f} to {100 * high:.0f})"


def snapshot_of(study: Any, views: Sequence[StageView], top: int = 3) -> StudySnapshot:
    """Put what `views` of the stages of `study` hold together."""
    stages = (_stage_snapshot(study, view, top) for view in views)
    spec = study.spec.model_dump(mode="json", exclude_none=True)
    return StudySnapshot(
        name=study.name,
        description=redacted_text(study.spec.description),
        spec=spec | {key: redacted(spec[key]) for key in ("storage", "tracking") if isinstance(spec.get(key), str)},
        score=study.spec.select.score,
        stages=tuple(stage for stage in stages if len(stage.records)),
        notes=tuple(redacted_text(note) for view in views for note in _notes(view)),
        evidence=None if study.spec.evidence is None else study.records,
    )


def _notes(view: StageView) -> Iterator[str]:
    name = view.info.data.name
    if view.stage.stopped:
        yield f"The {view.stage.name} {name} was {view.stage.stopped}."
    if view.info.absent:
        yield f"The images of {name} cannot be loaded ({view.info.absent}), so this page lacks their pictures."
    if view.transfer is not None and view.transfer.pick is None:
        yield f"No run is picked on {name}: {view.transfer.why}."


def _age(view: StageView) -> float:
    """Order stages: proxies as they are, then targets by when they were last worked on."""
    if view.transfer is None:
        return 0.0
    times = [trial.datetime_complete or trial.datetime_start for trial in view.stage.study.get_trials(deepcopy=False)]
    return max((time.timestamp() for time in times if time is not None), default=1.0)


def _stage_snapshot(study: Any, view: StageView, top: int) -> StageSnapshot:
    transfer, info = view.transfer, view.info
    records = view.stage.records if transfer is None else transfer.records
    best = best_runs(study, info.name, records, top + 1, transfer) if len(records) else []
    functions: dict[str, Any] = {"load_run": view.load_run, "pictures_of": _pictures_of(view)}
    if transfer is None:
        return StageSnapshot(info.name, info.data.name, records, tuple(best[:top]), **functions)
    pick = None if transfer.pick is None else transfer.pick.candidate
    return StageSnapshot(
        kind=info.name,
        name=info.data.name,
        records=records,
        best=tuple([pick, *(c for c in best if c != pick)][:top] if pick else best[:top]),
        criterion=transfer.rule.run.label,
        pick=pick,
        why=transfer.why,
        words=transfer.trust.words,
        verdict=verdict(transfer.trust),
        trust=str(transfer.trust),
        **functions,
    )


def _pictures_of(view: StageView) -> Callable[[str], RunPictures | None]:
    @functools.lru_cache(maxsize=64)
    def pictures(candidate: str) -> RunPictures | None:
        run = None if view.info.absent else view.load_run(candidate)
        if run is None or run.status == "diverged":
            return None
        return picture_run(run, view.info.data, kl=view.kl_per_latent(candidate))

    return pictures


def best_runs(
    study: Any, stage_name: str, records: pd.DataFrame, n: int, transfer: Transfer | None = None
) -> list[str]:
    """Return the ids of the best finished runs of a stage, best first.

    On the proxy by the study's score; on the target by the criterion of the transfer's rule, since labels are not to be
    seen there.

    Parameters
    ----------
    study : Study
        Whose score and rule count.
    stage_name : {"proxy", "target"}
        By which of the two.
    records : DataFrame
        Of the stage.
    n : int
        How many, at most.
    transfer : Transfer, optional
        Of a target: by the rule that it was given, which need not be the study file's.

    Returns
    -------
    list of str
    """
    records = records if transfer is None else transfer.records  # which a user's labels may be in
    finished = records[selection.pickable(records)]
    rule, proxies = (study.rule(), finished) if transfer is None else (transfer.rule, transfer.proxies)
    try:
        if stage_name == "proxy":
            values = selection.run_scores(finished, study.spec.select.score)
        else:
            values = rule.run.fit(proxies)(finished)
    except SelectdisError:  # no such score, such as a proxy of which every run failed
        values = np.zeros(len(finished))
    order = np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")
    return [str(candidate) for candidate in finished["candidate"].to_numpy()[order[:n]]]


def stage_scores(records: pd.DataFrame, score: str, criterion: str) -> tuple[np.ndarray, str]:
    """Return what runs of one data set are judged by, higher is better, and its name: the score, or the criterion.

    Parameters
    ----------
    records : DataFrame
        One row per run.
    score : str
        What counts where there are labels: ``win_rate`` or a metric.
    criterion : str
        What counts where there are none.

    Returns
    -------
    values : (n_runs,)
        Runs that diverged or failed have NaN.
    name : str
    """
    values = np.full(len(records), np.nan)
    alive = selection.pickable(records)
    if selection.metric_names(records[alive]):
        values[alive] = selection.run_scores(records[alive], score)
        return values, score
    if f"criterion.{criterion}" in records:
        signed = selection.direction(criterion) * records[f"criterion.{criterion}"].astype(float)
        values[alive] = signed[alive]
    return values, criterion
