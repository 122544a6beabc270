"""The listener that shows a study in MLflow. The study's own storage stays the truth; this is a view of it."""

from __future__ import annotations

import math
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from selectdis._redaction import redacted, redacted_reason
from selectdis.study._listener import Listener
from selectdis.tracking._store import tracking_uri
from selectdis.tracking._view import View

if TYPE_CHECKING:
    from selectdis.records import Record
    from selectdis.study import Study
    from selectdis.study._listener import StageInfo
    from selectdis.study._stage import Stage
    from selectdis.study._transfer import Transfer

__all__ = ["MLflowListener"]

MOST_WAITING = 10_000  # calls of `recorded`; beyond, those that come are left to the end of the stage
STALLED = 15.0  # seconds after which a server that answers nothing is no longer waited for at the end
LAST_TRY = 5.0  # seconds that one is waited for which was away before


class Told(NamedTuple):
    """What is to be shown, as `Listener.recorded` hears of it."""

    study: Study
    stage: Stage
    records: list[Record] | None = None
    transfer: Transfer | None = None


class MLflowListener(Listener):
    """Shows a study in MLflow: a parent run per stage, a child run per candidate.

    What there is to show waits in memory for a thread in the background; a study never waits for it. A server that is
    away is said once, and the end of a stage, the next `run`, `transfer` or ``selectdis track`` sends what it missed.

    Parameters
    ----------
    study_folder : Path
        The study's folder, ``runs/<study>``.
    uri : str, optional
        Tracking server or database; by default the environment variable ``MLFLOW_TRACKING_URI``, else
        ``sqlite:///<study_folder>/mlflow.db`` with artifacts in ``<study_folder>/artifacts``.
    experiment : str, optional
        Name of the experiment; by default the environment variable ``MLFLOW_EXPERIMENT_NAME``, else the study's name.
    pictures : int
        How many runs of each stage get pictures (latent traversals and others), best first; the picked run always does.
    timeout : float
        Seconds that `close` waits at most for what is still to be sent.
    retry_after : float
        Seconds between two tries while the server is away.
    patience : float, optional
        The former name of `timeout`.
    """

    def __init__(
        self,
        study_folder: Path,
        uri: str | None = None,
        *,
        experiment: str | None = None,
        pictures: int = 3,
        timeout: float = 60.0,
        retry_after: float = 30.0,
        patience: float | None = None,
    ) -> None:
        self.folder = Path(study_folder)
        self.uri = tracking_uri(uri)
        if patience is not None:
            warnings.warn("MLflowListener(patience=...) is now timeout=...", FutureWarning, stacklevel=2)
        self._timeout = timeout if patience is None else patience
        self._retry_after = retry_after
        self._open = lambda study, went_on: View(study, self.uri, experiment, pictures=pictures, went_on=went_on)
        self._sender: Sender | None = None
        self._said: set[str] = set()

    def stage_started(self, study: Study, stage: StageInfo) -> None:
        if stage.name == "target":  # what was missed of the proxies comes with it
            for proxy in study.proxy_stages():
                self._put(Told(study, proxy))

    def recorded(
        self, study: Study, stage: Stage, records: list[Record] | None, transfer: Transfer | None = None
    ) -> None:
        self._put(Told(study, stage, records, transfer))

    def close(self) -> None:
        """Send what waits, within the timeout; a server that does not answer is not waited for."""
        if self._sender is not None:
            is_server = (self.uri or "").startswith(("http://", "https://"))
            left = self._sender.close(self._timeout, STALLED if is_server else math.inf)
            self._say(self._sender)
            if left and self._sender.problem is None:
                self._warn("slow", "MLflow was not sent everything in time; `selectdis track` sends what is missing")

    def _put(self, told: Told) -> None:
        if self._sender is None:
            self._sender = Sender(self._open, retry_after=self._retry_after)
        self._sender.put(told)
        self._say(self._sender)

    def _say(self, sender: Sender) -> None:
        if sender.problem is not None:
            self._warn(
                "away",
                f"MLflow at {redacted(self.uri) if self.uri else self.folder} takes nothing now "
                f"({_short(sender.problem, self.uri)}): the study goes on, and `selectdis track` "
                "(or the next run or transfer) sends what it missed",
            )
        if sender.refused is not None:
            self._warn("refused", f"MLflow refused a run, which it does not show ({_short(sender.refused, self.uri)})")

    def _warn(self, what: str, message: str) -> None:
        if what not in self._said:
            self._said.add(what)
            warnings.warn(message, stacklevel=4)


class Sender:
    """A thread that shows what it is told of, in this order, and tries again where the server is away.

    Parameters
    ----------
    open_view : callable
        From a study, and what is to be called after each step, to its `View`; called again after each failure.
    retry_after : float
        Seconds between two tries while the server is away.
    """

    def __init__(self, open_view: Callable[[Study, Callable[[], None]], View], *, retry_after: float) -> None:
        self.problem: Exception | None = None
        self.refused: Exception | None = None
        self._open_view, self._retry_after = open_view, retry_after
        self._view: View | None = None
        self._waiting: deque[Told] = deque()
        self._wake, self._closed = threading.Event(), threading.Event()
        self._given_up = False
        self._went_on_at = time.monotonic()
        self._thread = threading.Thread(target=self._work, name="selectdis-tracking", daemon=True)
        self._thread.start()

    def put(self, told: Told) -> None:
        """Show `told` later; never waits."""
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(told)
            self._wake.set()

    def close(self, timeout: float, stalled: float) -> bool:
        """Wait for what is still to be shown; says whether any of it is left.

        Parameters
        ----------
        timeout : float
            Seconds at most; a few where the server was away before.
        stalled : float
            Seconds without any progress.
        """
        self._closed.set()
        self._wake.set()
        end = time.monotonic() + (timeout if self.problem is None else min(timeout, LAST_TRY))
        while self._thread.is_alive() and (now := time.monotonic()) < min(end, self._went_on_at + stalled):
            self._thread.join(min(0.1, end - now))
        self._given_up = True
        return bool(self._waiting)

    def _work(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            is_last = self._closed.is_set()  # before looking: nothing comes after it
            while self._waiting and not self._given_up:
                if self._show(self._waiting[0]):
                    self._waiting.popleft()
                elif is_last:
                    return
                else:
                    self._closed.wait(self._retry_after)
                    is_last = self._closed.is_set()
            if is_last or self._given_up:
                return

    def _show(self, told: Told) -> bool:
        """Return whether MLflow took it, or refused it for good."""
        try:
            self._went_on()
            self._view = self._view or self._open_view(told.study, self._went_on)
            self._view.show(told.stage, told.records, told.transfer)
            self.problem = None
            self.refused = next(iter(self._view.refused.values()), None)
        except _GivenUpError:
            return False
        except Exception as error:  # whatever a server, a database or a disk comes up with
            self._view, self.problem = None, error
            return False
        return True

    def _went_on(self) -> None:
        self._went_on_at = time.monotonic()
        if self._given_up:
            raise _GivenUpError


class _GivenUpError(Exception):
    """Nobody waits any more."""


def _short(error: Exception, uri: str | None) -> str:
    return (redacted_reason(error, uri or "") or type(error).__name__)[:200]
