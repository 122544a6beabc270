"""Downloads, from a server on this machine."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from selectdis.data import DATASETS, RemoteFile, Source, data_folder, fetch, load_dataset
from selectdis.errors import SelectdisError

CONTENT = bytes(range(256)) * 5000
HASH = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    ranges = True  # does it resume?
    break_after: int | None = None  # close the connection of the next answer after so many bytes
    asked: list[str | None]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.asked.append(asked)
        if self.path != "/data.bin":
            self.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.server.ranges else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        end, self.server.break_after = self.server.break_after, None
        self.wfile.write(CONTENT[start:end])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def remote(server: Server, monkeypatch: pytest.MonkeyPatch):
    """A data set "public" on that server, whose file should have a hash."""
    monkeypatch.setattr("time.sleep", lambda _: None)  # fetch waits between attempts

    def make(known_hash: str = HASH, path: str = "data.bin", doubt: str = "") -> None:
        url = f"http://127.0.0.1:{server.server_port}/{path}"
        source = Source(DATASETS["sprites"].load, "x", "x", (RemoteFile("data.bin", url, known_hash, doubt),))
        monkeypatch.setitem(DATASETS, "public", source)

    make()
    return make


def test_a_file_arrives_once(server: Server, remote) -> None:
    seen: list[tuple[str, int, int]] = []
    (path,) = fetch("public", progress=lambda *step: seen.append(step))
    assert path == data_folder() / "public" / "data.bin"
    assert path.read_bytes() == CONTENT
    assert seen[-1] == ("data.bin", len(CONTENT), len(CONTENT))
    assert fetch("public") == [path]
    assert server.asked == [None]
    assert [found.name for found in path.parent.iterdir()] == ["data.bin"]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_connection_is_resumed(server: Server, remote, ranges: bool) -> None:
    server.break_after, server.ranges = 500_000, ranges
    (path,) = fetch("public")
    assert path.read_bytes() == CONTENT
    first, second = server.asked
    assert first is None
    assert second is not None
    assert 400_000 < int(second.removeprefix("bytes=").removesuffix("-")) <= 500_000


def test_another_call_goes_on_where_the_first_stopped(server: Server, remote, tmp_path: Path) -> None:
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:1000])
    (path,) = fetch("public", folder=tmp_path)
    assert path.read_bytes() == CONTENT
    assert server.asked == ["bytes=1000-"]


def test_a_part_that_is_too_long_is_thrown_away(server: Server, remote, tmp_path: Path) -> None:
    (tmp_path / "data.bin.part").write_bytes(CONTENT + b"more")
    (path,) = fetch("public", folder=tmp_path)
    assert path.read_bytes() == CONTENT


def test_a_wrong_hash_is_not_kept(server: Server, remote, tmp_path: Path) -> None:
    remote("md5:00000000000000000000000000000000")
    with pytest.raises(SelectdisError, match="does not have the hash it should have, and was not kept"):
        fetch("public", folder=tmp_path)
    assert not list(tmp_path.glob("data.bin*"))
    assert len(server.asked) == 1  # gigabytes are not fetched again to be wrong again


def test_a_file_whose_hash_may_be_void_is_kept_aside(server: Server, remote, tmp_path: Path) -> None:
    remote("md5:00000000000000000000000000000000", doubt="it was replaced")
    aside = tmp_path / "unverified" / "data.bin"
    for _ in range(2):  # the second time without a download
        with pytest.raises(
            SelectdisError, match=f"and it was replaced: it is kept as {aside}; to take it as it is, load"
        ):
            fetch("public", folder=tmp_path)
        assert aside.read_bytes() == CONTENT
    assert len(server.asked) == 1
    assert not (tmp_path / "data.bin").exists()
    aside.unlink()
    remote(doubt="it was replaced")
    assert fetch("public", folder=tmp_path)[0].read_bytes() == CONTENT
    assert not aside.exists()


def test_no_such_file_and_no_server(server: Server, remote, tmp_path: Path) -> None:
    remote(path="gone.bin")
    with pytest.raises(SelectdisError, match=r"cannot download .*404"):
        fetch("public", folder=tmp_path)
    server.shutdown()
    server.server_close()
    with pytest.raises(SelectdisError, match="cannot download"):
        fetch("public", folder=tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("shapes3", "did you mean 'shapes3d'"),
        ("sprites", "nothing to fetch; .* dsprites"),
        ("mpi3d_complex", "nothing to fetch"),
    ],
)
def test_names_without_files(name: str, message: str) -> None:
    with pytest.raises(SelectdisError, match=message):
        fetch(name)


def test_loaders_look_where_fetch_writes() -> None:
    with pytest.raises(SelectdisError, match=str(data_folder() / "shapes3d")):
        load_dataset("shapes3d")
    for name, source in DATASETS.items():
        for file in source.files:
            kind, _, digits = file.known_hash.partition(":")
            assert len(digits) == {"sha256": 64, "md5": 32}[kind], name


def test_mpi3d_is_where_its_authors_moved_it_and_the_hash_of_the_photographs_is_in_doubt() -> None:
    for kind in ("toy", "realistic", "real"):
        (file,) = DATASETS[f"mpi3d_{kind}"].files
        assert file.url == f"https://huggingface.co/datasets/waleedgondal/mpi3d/resolve/main/mpi3d_{kind}.npz"
        assert bool(file.doubt) == (kind == "real")


def test_what_is_said_to_be_fetched_can_be() -> None:
    root = Path(__file__).parents[2]
    said = [p for folder in ("studies", "docs") for p in (root / folder).iterdir() if p.suffix in (".yaml", ".md")]
    names = {name for path in said for name in re.findall(r"selectdis data fetch (\w+)", path.read_text())}
    assert {"dsprites", "shapes3d"} <= names
    assert [name for name in names if not DATASETS[name].files] == []
