"""Images that are drawn once on a machine: by whom, from where, and what happens without room."""

import os
import pickle
import subprocess
import sys
import textwrap
import warnings
from dataclasses import dataclass

import numpy as np
import pytest
from typer.testing import CliRunner

from selectdis.cli import app
from selectdis.data import ImageDataset, load_dataset
from selectdis.data._fresh import FreshDraws
from selectdis.data.reading import _rendered as rendered
from selectdis.data.reading._lazy import LazyImages

SIZES = {"shape": 3, "scale": 6, "orientation": 10, "x": 14, "y": 14}  # 36 MB at 32 pixels: more than stays in memory
CALLS = []


@dataclass(frozen=True)
class Drawer:
    """Images of one brightness each."""

    offset: int = 0

    def __call__(self, indices):
        CALLS.append(len(indices))
        return np.broadcast_to(
            ((indices + self.offset) % 251).astype(np.uint8)[:, None, None, None], (len(indices), 1, 16, 16)
        )


def drawn(n=2_000, offset=0, name="bands"):
    return ImageDataset(name, LazyImages((n, 1, 16, 16), Drawer(offset)))


def files(cache):
    return sorted(cache.glob("rendered/*.npy"))


@pytest.fixture(autouse=True)
def _one_process(cache, monkeypatch):
    monkeypatch.setattr(rendered.joblib, "cpu_count", lambda: 1)
    CALLS.clear()


@pytest.mark.filterwarnings("ignore:the .* images of")
def test_a_file_is_drawn_once_and_read_from_then_on(cache, monkeypatch):
    expected = np.asarray(drawn().images)
    first, second = drawn(), drawn()
    with pytest.warns(UserWarning, match=r"2,000 images of bands are drawn once, into .*rendered.*0.5 MB.*data cache"):
        first.draw_once()
    CALLS.clear()
    monkeypatch.setattr(rendered.os, "utime", lambda *_: (_ for _ in ()).throw(PermissionError(1, "of another user")))
    second.draw_once()
    assert CALLS == [64]  # by which the file is known
    for data in (first, second, pickle.loads(pickle.dumps(first))):  # noqa: S301
        np.testing.assert_array_equal(data.images[:], expected)
        np.testing.assert_array_equal(data.images_at([5, 3, 1_999]), expected[[5, 3, 1_999]])
        np.testing.assert_array_equal(data.subset(np.arange(7, 900)).images[3:9], expected[10:16])
    assert CALLS == [64]
    assert len(files(cache)) == 1
    assert isinstance(first.images.in_file, np.memmap)


@pytest.mark.filterwarnings("ignore:the .* images of")
def test_other_images_are_another_file_and_a_damaged_one_is_drawn_anew(cache):
    drawn().draw_once()
    drawn(offset=1).draw_once()
    (one, _) = files(cache)
    assert len(files(cache)) == 2
    torn = one.with_name(f".{one.name}.0123456789ab.tmp")  # of a process that was killed while it drew
    torn.write_bytes(b"")
    one.write_bytes(one.read_bytes()[:5_000] + bytes(one.stat().st_size - 5_000))
    for offset in (0, 1):
        data = drawn(offset=offset)
        data.draw_once()
        np.testing.assert_array_equal(data.images[:], np.asarray(drawn(offset=offset).images))
    assert not torn.exists()
    files(cache)[0].unlink()
    np.testing.assert_array_equal(data.images[:5], np.asarray(drawn(offset=1).images)[:5])


@pytest.mark.filterwarnings("ignore:the .* images of")
def test_of_what_is_drawn_at_each_use_the_plain_images_are_kept(cache):
    base = drawn()
    fresh = FreshDraws(base.images, lambda images, keys: images)
    data = ImageDataset("fresh", fresh.images((2_000, 1, 16, 16)), fresh=fresh)
    data.draw_once()
    assert len(files(cache)) == 1
    assert data.images.in_file is None
    assert base.images.in_file is not None
    data.drawn_once(3).draw_once()
    assert len(files(cache)) == 1


def test_without_room_there_is_one_warning_and_images_as_before(cache, monkeypatch):
    monkeypatch.setattr(rendered.os, "posix_fallocate", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    data = drawn()
    with pytest.warns(UserWarning, match=r"cannot be kept in .*No space left.* drawn at each use") as said:
        data.draw_once()
    assert len([one for one in said if "cannot be kept" in str(one.message)]) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data.draw_once()
    np.testing.assert_array_equal(data.images[:3], np.asarray(drawn().images)[:3])
    assert not list(cache.glob("rendered/*"))


@pytest.mark.filterwarnings("ignore:the .* images of")
def test_the_file_used_longest_ago_goes_first(cache, monkeypatch):
    monkeypatch.setattr(rendered, "LIMIT", 1_100_000)
    for age, offset in ((100, 0), (200, 1)):
        drawn(offset=offset, name=f"n{offset}").draw_once()
        os.utime(next(cache.glob(f"rendered/n{offset}-*")), (10**9 - age,) * 2)
    drawn(offset=0, name="n0").draw_once()  # used again
    drawn(offset=2, name="n2").draw_once()
    assert [path.name[:2] for path in files(cache)] == ["n0", "n2"]
    with pytest.warns(UserWarning, match="the bound of all such files"):
        drawn(n=5_000).draw_once()


def test_several_processes_draw_one_file(cache):
    code = textwrap.dedent(f"""
        import warnings, numpy as np
        warnings.simplefilter("always")
        from selectdis.data import load_dataset
        data = load_dataset("sprites", image_size=32, sizes={SIZES})
        data.draw_once()
        print(data.images.in_file is not None, int(data.images[::500].sum()))
    """)
    runs = [subprocess.Popen([sys.executable, "-c", code], stdout=-1, stderr=-1, text=True) for _ in range(2)]
    out = [run.communicate() for run in runs]
    expected = int(load_dataset("sprites", image_size=32, sizes=SIZES).images[::500].sum())
    assert {said for said, _ in out} == {f"True {expected}\n"}, out
    assert sum("are drawn once" in error for _, error in out) == 1
    assert len(files(cache)) == 1
    assert not list(cache.glob("rendered/.*"))


@pytest.mark.filterwarnings("ignore:the .* images of")
def test_the_command_lists_and_clears(cache):
    drawn(name="bands").draw_once()
    listed = CliRunner().invoke(app, ["data", "cache"], env={"COLUMNS": "200"})
    assert "bands-" in listed.output
    assert "2,000 x 1 x 16 x 16" in listed.output
    assert CliRunner().invoke(app, ["data", "cache", "--clear", "other"]).exit_code != 0
    assert "removed 1 files" in CliRunner().invoke(app, ["data", "cache", "--clear", "bands"]).output
    assert not files(cache)
