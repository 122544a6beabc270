"""Downloading the public files: resumed, tried again, and checked against their hash."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from selectdis.data._source import DATASETS, RemoteFile
from selectdis.data.reading._cache import data_folder
from selectdis.errors import SelectdisError, nearest

__all__ = ["Progress", "fetch", "fetch_file"]

Progress = Callable[[str, int, int], None]  # (file name, bytes so far, bytes in all or 0)
CHUNK = 2**16  # what a broken connection loses
PAUSES = (1, 5, 15)  # seconds before the next attempts


def fetch(name: str, *, folder: str | Path | None = None, progress: Progress | None = None) -> list[Path]:
    """Download the files of a public data set, those that are not there yet, and check their hashes.

    Parameters
    ----------
    name : str
        Of a data set that has public files.
    folder : str or Path, optional
        By default where `load_dataset` looks for them.
    progress : callable, optional
        Called as (file name, bytes so far, bytes in all) while files arrive.

    Raises
    ------
    SelectdisError
        No such data set, nothing to fetch for it, no connection, or a file with a wrong hash.
    """
    if name not in DATASETS:
        raise SelectdisError(f"no data set is called {name!r}{nearest(name, DATASETS)}")
    files = DATASETS[name].files
    if not files:
        with_files = ", ".join(key for key, source in DATASETS.items() if source.files)
        raise SelectdisError(f"{name} has nothing to fetch; data sets with public files are {with_files}")
    where = Path(folder).expanduser() if folder is not None else data_folder() / name
    return [fetch_file(file, where, progress) for file in files]


def fetch_file(file: RemoteFile, folder: Path, progress: Progress | None = None) -> Path:
    """Download one file into `folder`; what is there with the right hash is not downloaded again.

    Where the hash that is known may be void, a file with another one is kept in the folder `unverified`.
    """
    import pooch
    import requests

    registry = pooch.create(path=folder, base_url="", registry={file.name: file.known_hash}, urls={file.name: file.url})
    pooch.get_logger().setLevel("ERROR")
    try:
        return Path(registry.fetch(file.name, downloader=_Resuming(folder, file, progress)))
    except SelectdisError:  # of a file that is kept aside
        raise
    except requests.RequestException as error:
        host = urlsplit(file.url).netloc
        reason = _reason(error) if error.response is not None else f"no connection to {host}, or it broke"
        raise SelectdisError(f"cannot download {file.url} ({reason}); run the same again to go on") from None
    except ValueError as error:  # what pooch raises for a wrong hash
        raise SelectdisError(
            f"{file.url} does not have the hash it should have, and was not kept: {_reason(error)}"
        ) from None
    except OSError as error:
        raise SelectdisError(f"cannot write to {folder} ({_reason(error)}): point SELECTDIS_DATA elsewhere") from None


class _Resuming:
    """A downloader for pooch that goes on where an earlier attempt stopped, if the server allows it.

    Pooch's own second attempts would also repeat a download whose hash is wrong.
    """

    def __init__(self, folder: Path, file: RemoteFile, progress: Progress | None) -> None:
        self.file, self.name, self.progress = file, file.name, progress
        self.part = folder / f"{file.name}.part"
        self.aside = folder / "unverified" / file.name

    def __call__(self, url: str, output_file: Any, _pooch: Any) -> None:
        import requests

        if self.file.doubt and self.aside.exists():
            raise self._kept_aside()
        for pause in (*PAUSES, None):
            try:
                self._attempt(url)
                break
            except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError):
                if pause is None:
                    raise
                time.sleep(pause)
        if self.file.doubt and not self._is_as_known():
            self.aside.parent.mkdir(exist_ok=True)
            self.part.replace(self.aside)
            raise self._kept_aside()
        self.part.replace(output_file)

    def _is_as_known(self) -> bool:
        import pooch

        kind, _, digits = self.file.known_hash.partition(":")
        return bool(pooch.file_hash(str(self.part), alg=kind) == digits)

    def _kept_aside(self) -> SelectdisError:
        return SelectdisError(
            f"{self.file.url} does not have the hash that is known of it ({self.file.known_hash}), and "
            f"{self.file.doubt}: it is kept as {self.aside}; to take it as it is, load the data set with path=that file"
        )

    def _attempt(self, url: str) -> None:
        import requests

        have = self.part.stat().st_size if self.part.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        with requests.get(url, headers=headers, stream=True, timeout=30) as response:
            if response.status_code == 416:  # nothing after what we have: it is whole, or it is not this file
                self.part.unlink()
                return self._attempt(url)
            response.raise_for_status()
            if response.status_code != 206:
                have = 0
            return self._save(response, have, have + int(response.headers.get("Content-Length") or 0))

    def _save(self, response: Any, have: int, total: int) -> None:
        import requests

        with self.part.open("ab" if have else "wb") as file:
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
                have += len(chunk)
                if self.progress is not None:
                    self.progress(self.name, have, total)
        if have < total:
            raise requests.ConnectionError(f"the connection ended after {have:,} of {total:,} bytes")


def _reason(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
