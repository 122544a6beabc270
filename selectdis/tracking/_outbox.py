"""What waits for the tracking server: JSON lines in the study's folder, oldest first."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from selectdis.errors import SelectdisError

__all__ = ["Outbox"]

Entry = dict[str, Any]


class Outbox:
    """A queue of entries that survives the process: written before they are sent, forgotten once they are.

    One process at a time holds an outbox. An entry can be delivered twice (the process died between sending it and
    forgetting it), so whoever applies entries has to be idempotent.

    Parameters
    ----------
    path : the file of entries; what was sent of it is a number of bytes in ``<path>.sent``.

    Raises
    ------
    SelectdisError : another process holds it.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._sent_path = path.with_name(path.name + ".sent")
        self._lock = threading.Lock()
        self._process_lock = FileLock(str(path) + ".lock", timeout=0, thread_local=False)
        try:
            self._process_lock.acquire()
        except Timeout:
            raise SelectdisError(f"another process is tracking from {path.parent}: try again once it is done") from None
        self._sent = self._read_sent()
        self._first: tuple[Entry, int] | None = None
        self._end_torn_line()

    def put(self, entry: Entry) -> None:
        """Add one entry behind all others."""
        line = json.dumps(entry, allow_nan=False) + "\n"
        with self._lock, self.path.open("a", encoding="utf-8") as file:
            file.write(line)

    def first(self) -> Entry | None:
        """Return the oldest entry, which stays until `drop`; None where nothing waits."""
        with self._lock:
            if self._first is None:
                self._first = self._read_first()
            return self._first[0] if self._first else None

    def drop(self) -> None:
        """Forget the entry that `first` gave."""
        with self._lock:
            if self._first is None:
                return
            self._sent, self._first = self._first[1], None
            if self._sent >= self._size():
                self._clear()
            else:
                self._write_sent()

    def reject(self, reason: str) -> None:
        """Put aside the entry that `first` gave, with the reason, so that it holds up no other."""
        entry = self.first()
        if entry is not None:
            with self.path.with_name("rejected.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps({"reason": reason, "entry": entry}) + "\n")
            self.drop()

    def clear(self) -> None:
        """Forget all entries."""
        with self._lock:
            self._clear()

    def release(self) -> None:
        """Let another process have it."""
        self._process_lock.release()

    def __len__(self) -> int:
        with self._lock:
            if not self.path.exists():
                return 0
            with self.path.open("rb") as file:
                file.seek(self._sent)
                return sum(1 for line in file if _parsed(line) is not None)

    def _read_first(self) -> tuple[Entry, int] | None:
        if not self.path.exists():
            return None
        with self.path.open("rb") as file:
            file.seek(self._sent)
            while line := file.readline():
                entry = _parsed(line)
                if entry is not None:
                    return entry, file.tell()
        return None

    def _end_torn_line(self) -> None:
        """End a line that a dying process left half-written, so that it does not swallow the next one."""
        if self._size():
            with self.path.open("rb+") as file:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")

    def _size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def _clear(self) -> None:
        self.path.unlink(missing_ok=True)
        self._sent_path.unlink(missing_ok=True)
        self._sent, self._first = 0, None

    def _read_sent(self) -> int:
        try:
            sent = int(self._sent_path.read_text())
        except (OSError, ValueError):
            return 0
        return sent if 0 <= sent <= self._size() else 0

    def _write_sent(self) -> None:
        temporary = self._sent_path.with_name(self._sent_path.name + ".tmp")
        temporary.write_text(str(self._sent))
        temporary.replace(self._sent_path)


def _parsed(line: bytes) -> Entry | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
