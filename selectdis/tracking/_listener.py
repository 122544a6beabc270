"""The listener that shows a study in MLflow. The study's own storage stays the truth; this is a view of it."""

from __future__ import annotations

import os
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selectdis._redaction import redacted, redacted_text
from selectdis.errors import SelectdisError
from selectdis.objectives import OBJECTIVES
from selectdis.study._listener import Listener
from selectdis.study._replay import load_run, model_file
from selectdis.tracking import _entries as entries
from selectdis.tracking._environment import environment_tags
from selectdis.tracking._outbox import Outbox
from selectdis.tracking._sender import Sender
from selectdis.tracking._store import Store
from selectdis.visualization import best_runs, save_pictures

if TYPE_CHECKING:
    import pandas as pd

    from selectdis.study._listener import StageInfo
    from selectdis.training import Run

__all__ = ["MLflowListener", "open_outbox", "tracking_uri"]


class MLflowListener(Listener):
    """Shows a study in MLflow: an experiment per study, a parent run per stage, a child run per candidate.

    Events become entries of an outbox in the study's folder; a background thread sends them. A server that is away is
    said once, and what it missed is sent when it is back, by this study or by ``selectdis track``.

    Parameters
    ----------
    study_folder : Path
        The study's folder, ``runs/<study>``.
    uri : str, optional
        Tracking server or database; by default the environment variable ``MLFLOW_TRACKING_URI``, else
        ``sqlite:///<study_folder>/mlflow.db`` with artifacts in ``<study_folder>/artifacts``.
    pictures : int
        How many runs of each stage get pictures (latent traversals and others), best first; the picked run always does.
    timeout : float
        Seconds that `close` waits for what is still to be sent.
    retry_after : float
        Seconds between two tries while the server is away.
    outbox : Outbox, optional
        By default the one in the study's folder.
    patience : float, optional
        The former name of `timeout`.
    """

    def __init__(
        self,
        study_folder: Path,
        uri: str | None = None,
        *,
        pictures: int = 3,
        timeout: float = 60.0,
        retry_after: float = 30.0,
        outbox: Outbox | None = None,
        patience: float | None = None,
    ) -> None:
        self.folder = Path(study_folder)
        self.uri = tracking_uri(uri)
        self._n_pictures = pictures
        if patience is not None:
            warnings.warn("MLflowListener(patience=...) is now timeout=...", FutureWarning, stacklevel=2)
        self._timeout = timeout if patience is None else patience
        self._retry_after = retry_after
        self._outbox = open_outbox(self.folder) if outbox is None else outbox
        self._sender: Sender | None = None
        self._environment: dict[str, str] | None = None
        self._inputs: dict[tuple[str, str], dict[str, str]] = {}
        self._sent_scores: dict[tuple[str, str, str], dict[str, float]] = {}
        self._drawn: set[tuple[str, str, str]] = set()
        self._said: set[str] = set()

    @property
    def problem(self) -> Exception | None:
        """What keeps entries from being sent, if anything does."""
        return None if self._sender is None else self._sender.problem

    def stage_started(self, study: Any, stage: StageInfo) -> None:
        spec = study.spec
        self._put(
            study,
            {
                "kind": "stage",
                **self._where(stage),
                "start": _now(),
                "tags": self._tags(spec),
                "study_note": getattr(spec, "description", "") or f"selectdis study {study.name}",
                "note": _stage_note(stage),
                "input": self._input(stage),
            },
        )

    def run_finished(self, study: Any, stage: StageInfo, record: dict[str, Any], run: Run | None) -> None:
        end = _now()
        scores = entries.scores(record)
        self._sent_scores[stage.name, stage.data.name, record["candidate"]] = scores
        self._put(
            study,
            {
                "kind": "run",
                **self._where(stage),
                "candidate": record["candidate"],
                "parameters": entries.parameters(record, _strengths(study.spec)),
                "scores": scores,
                "curves": entries.curve_points(run.curves) if run is not None else [],
                "tags": entries.run_tags(record, self._tags(study.spec)),
                "status": entries.status_of(record),
                "start": end - round(1_000 * entries.number_or_zero(record.get("seconds"))),
                "end": end,
                "steps": round(entries.number_or_zero(record.get("steps"))),
                "input": self._input(stage),
            },
        )

    def stage_finished(self, study: Any, stage: StageInfo, records: pd.DataFrame) -> None:
        rows = {str(row["candidate"]): self._new_scores(stage, dict(row)) for _, row in records.iterrows()}
        rows = {candidate: scores for candidate, scores in rows.items() if scores}
        where = self._where(stage)
        self._put(study, {"kind": "scores", **where, "rows": rows, "time": _now()})
        self._put(study, {"kind": "finish", **where, "scores": _counts(records), "time": _now()})
        for candidate in best_runs(study, stage.name, records, self._n_pictures):
            self._draw(study, stage, candidate)

    def picked(self, study: Any, stage: StageInfo, run: Run, why: str, trust: dict[str, Any]) -> None:
        candidate = run.candidate.id
        self._draw(study, stage, candidate, run)
        file = model_file(study, stage, candidate)
        if file is None:
            return
        self._put(
            study,
            {
                "kind": "champion",
                **self._where(stage),
                "candidate": candidate,
                "file": os.path.relpath(file, self.folder),
                "note": _pick_note(stage, candidate, why, trust),
                "parameters": entries.parameters(run.candidate.to_dict()),
                "image_shape": list(run.image_shape),
                "latents": run.candidate.latents,
                "steps": run.steps,
            },
        )

    def close(self) -> None:
        """Send what waits, then let the outbox go."""
        if self._sender is not None:
            # One more try where the server is known to be away: it may be back, but a study does not wait for it.
            self._sender.close(self._timeout if self._sender.problem is None else min(self._timeout, 5.0))
            self._say(self._sender)
            if (left := len(self._outbox)) and self._sender.problem is None:
                self._warn("slow", f"{left} entries for MLflow were not sent in time; `selectdis track` sends them")
        self._outbox.release()

    def _put(self, study: Any, entry: dict[str, Any]) -> None:
        self._outbox.put(entry)
        if self._sender is None:
            name, folder, uri = study.name, self.folder, self.uri
            self._sender = Sender(self._outbox, lambda: Store(name, folder, uri), retry_after=self._retry_after)
        self._sender.wake()
        self._say(self._sender)

    def _say(self, sender: Sender) -> None:
        if sender.problem is not None:
            self._warn(
                "away",
                f"MLflow at {redacted(self.uri) if self.uri else self.folder} takes nothing now "
                f"({_short(sender.problem)}): the study goes on, what there is to send waits in "
                f"{self._outbox.path}, and `selectdis track` sends it later",
            )
        if sender.rejected is not None:
            self._warn(
                "rejected", f"MLflow refused an entry, kept in rejected.jsonl ({redacted_text(sender.rejected)[:300]})"
            )

    def _warn(self, what: str, message: str) -> None:
        if what not in self._said:
            self._said.add(what)
            warnings.warn(message, stacklevel=4)

    def _new_scores(self, stage: StageInfo, row: dict[str, Any]) -> dict[str, float]:
        """Return the scores of `row` that `run_finished` had not: the criteria over many runs."""
        sent = self._sent_scores.get((stage.name, stage.data.name, row["candidate"]), {})
        return {key: value for key, value in entries.scores(row).items() if sent.get(key) != value}

    def _draw(self, study: Any, stage: StageInfo, candidate: str, run: Run | None = None) -> None:
        drawn = (stage.name, stage.data.name, candidate)
        run = run or load_run(study, stage, candidate)
        if run is None or stage.absent or drawn in self._drawn:
            return
        self._drawn.add(drawn)
        folder = self.folder / "tracking" / stage.name / entries.digest_of(stage.data.name) / candidate
        save_pictures(run, stage.data, folder)
        files = str(folder.relative_to(self.folder))
        where = self._where(stage)
        self._put(study, {"kind": "files", **where, "candidate": candidate, "files": files, "target": "pictures"})

    def _where(self, stage: StageInfo) -> dict[str, str]:
        return {"stage": stage.name, "dataset": stage.data.name}

    def _input(self, stage: StageInfo) -> dict[str, str]:
        key = (stage.name, stage.data.name)
        if key not in self._inputs:
            self._inputs[key] = {} if stage.absent else entries.dataset_entry(stage.data, stage.name)
        return self._inputs[key]

    def _tags(self, spec: Any) -> dict[str, str]:
        if self._environment is None:
            self._environment = environment_tags(spec.training.device)
        return self._environment


def tracking_uri(uri: str | None) -> str | None:
    """Return `uri`, else what MLflow's own variable says, else None: the database in the study's folder."""
    return uri or os.environ.get("MLFLOW_TRACKING_URI") or None


def open_outbox(folder: Path) -> Outbox:
    """Return this process's outbox in a study's folder: the common one, or one of its own while another has that."""
    try:
        return Outbox(folder / "tracking" / "outbox.jsonl")
    except SelectdisError:
        return Outbox(folder / "tracking" / f"outbox-{os.getpid()}.jsonl")


def _now() -> int:
    """Milliseconds, as MLflow counts."""
    return round(1_000 * time.time())


def _strengths(spec: Any) -> tuple[str, ...]:
    """Return the strengths of all objectives that the study searches, so that every run gets the same parameters."""
    names = [name for objective in spec.search.objective for name in OBJECTIVES[objective].strength_names]
    return tuple(dict.fromkeys(names))


def _counts(records: pd.DataFrame) -> dict[str, float]:
    if "status" not in records:
        return {}
    return {f"runs/{state}": float(count) for state, count in records["status"].value_counts().items()}


def _stage_note(stage: StageInfo) -> str:
    if stage.absent:
        return f"The {stage.name}: {stage.data.name}, whose images cannot be loaded any more; so there are no pictures."
    c, h, w = stage.data.image_shape
    kind = "labelled" if stage.data.labelled else "without labels"
    return f"The {stage.name}: {len(stage.data):,} images of {w}x{h} in {c} channels, {kind} ({stage.data.name})."


def _pick_note(stage: StageInfo, candidate: str, why: str, trust: dict[str, Any]) -> str:
    return f"Picked on {stage.data.name}: **{candidate}**.\n\n{why}\n\n{trust.get('text', '')}"[:4_900]


def _short(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return redacted_text(lines[0])[:200]
