"""Tasks on a Dask cluster: a task of a few kilobytes is sent; data come by reference, models stay in the folder."""

from __future__ import annotations

import contextlib
import logging
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from selectdis._signals import pause
from selectdis.errors import SelectdisError

__all__ = ["on_dask"]

T = TypeVar("T")
R = TypeVar("R")

RETRIES = 3  # of a task whose worker died


def on_dask(
    tasks: Sequence[T],
    call: Callable[[int, T], tuple[int, R | None]],
    more: Callable[[], bool],
    scheduler: str,
    timeout: float,
) -> Iterator[tuple[int, R | None]]:
    """Send out `tasks`, twice as many at a time as there are threads, and yield the result of each.

    Raises
    ------
    SelectdisError
        If no scheduler answers within `timeout` seconds.
    """
    waiting = iter(enumerate(tasks))
    with _client(scheduler, timeout) as client:
        from distributed import as_completed

        def submit(count: int) -> list[Any]:
            sent: list[Any] = []
            while len(sent) < count and more() and (numbered := next(waiting, None)) is not None:
                sent.append(client.submit(call, *numbered, pure=False, retries=RETRIES))
            return sent

        running = as_completed(submit(2 * _threads(client)), loop=client.loop)
        for future in running:
            yield future.result()
            future.release()
            for another in submit(1):
                running.add(another)


def _threads(client: Any) -> int:
    threads = sum(client.nthreads().values())
    if not threads:
        warnings.warn("the Dask scheduler has no workers yet: waiting for them", stacklevel=2)
    return max(threads, 8)


@contextlib.contextmanager
def _client(scheduler: str, timeout: float) -> Iterator[Any]:
    try:
        from distributed import Client
    except ImportError:
        raise SelectdisError("--scheduler needs the extra: pip install 'selectdis[dask]'") from None
    log = logging.getLogger("distributed.client")
    level = log.level
    log.setLevel(logging.CRITICAL)  # a lost scheduler is said in one sentence, not in a traceback
    client = _connected(Client, scheduler, timeout)
    try:
        yield client
    finally:
        with contextlib.suppress(Exception):  # a scheduler that is gone
            client.close(timeout=5)
        log.setLevel(level)


def _connected(kind: Any, scheduler: str, timeout: float) -> Any:
    start, said = time.monotonic(), False
    while True:
        try:
            return _client_of(kind, scheduler, timeout=min(timeout, 20))
        except (TypeError, RuntimeError) as error:  # without certificates; without encryption where it is demanded
            raise SelectdisError(
                f"cannot talk to {scheduler}: {error}; docs/cluster.md says how to set up TLS"
            ) from None
        except ValueError as error:
            raise SelectdisError(
                f"no Dask scheduler answers at {scheduler}, which is no address ({error}): give one such as "
                "tcp://host:8786"
            ) from None
        except (OSError, TimeoutError) as error:
            if time.monotonic() - start > timeout:
                raise SelectdisError(
                    f"no Dask scheduler answers at {scheduler} ({type(error).__name__}); start one with `dask "
                    "scheduler`, or leave --scheduler out; what is done is kept"
                ) from None
            if not said:
                said = True
                warnings.warn(f"no Dask scheduler answers at {scheduler}: trying for {timeout:.0f} s", stacklevel=2)
            pause(1)


def _client_of(kind: Any, scheduler: str, timeout: float) -> Any:
    """Return a client of `scheduler`; one that cannot be made is not left to close itself, which takes it 40 s."""
    client = kind.__new__(kind)
    try:
        client.__init__(scheduler, timeout=timeout, set_as_default=False)
    except BaseException:
        client.status = "closed"
        raise
    return client
