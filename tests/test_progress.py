"""Progress bars: what tells them how far it is, and where there are none."""

import os
import pty
import subprocess
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

import selectdis as sd
from selectdis import _progress as progress
from tests.selection.records import make_records


@pytest.fixture
def shown(monkeypatch):
    """What bars show, in place of a terminal."""
    told = []

    @contextmanager
    def bar(unit):
        yield lambda what, done, total: told.append((unit, what, done, total))

    monkeypatch.setattr(progress, "_bar", bar)
    monkeypatch.setattr(progress, "_is_shown", lambda: progress._wanted)
    monkeypatch.setattr(progress, "_wanted", True)
    return told


def train(data, n_jobs):
    candidates = [sd.Candidate("beta_vae", architecture="fc", width=8, latents=2, batch_size=b) for b in (8, 16)]
    sd.train(candidates, data, steps=3, n_jobs=n_jobs)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_training_counts_steps(shown, n_jobs):
    train(sd.load_dataset("digits", image_size=16), n_jobs)
    assert shown[-1] == ("steps", "training 2 candidates", 6, 6)


def test_other_work_counts_what_it_is_made_of(shown):
    data = sd.load_dataset("sprites", image_size=16, sizes=[2, 2, 1, 4, 4])
    sd.evaluate(lambda images: images.reshape(len(images), -1)[:, :3], data, ["mig", "sap"], n_train=40, n_test=20)
    assert shown == [("metrics", "evaluating", 0, 2), ("metrics", "evaluating", 1, 2)]
    shown.clear()
    sd.backtest(make_records(rng=np.random.default_rng(0)), n_bootstrap=2)
    assert shown[0][:3] == ("folds", "backtesting", 0)
    assert len(shown) == shown[0][3]


def test_one_bar_at_a_time_and_none_where_it_is_off(shown):
    with progress.progress_bar("a"), progress.progress_bar("b") as inner:
        assert inner is progress.hidden
    sd.set_progress(False)
    with progress.progress_bar("a") as show:
        assert show is progress.hidden


CODE = """
import selectdis as sd, numpy as np, sys
data = sd.load_dataset("sprites", image_size=16, sizes=[2, 2, 1, 4, 4])
sd.evaluate(lambda images: images.reshape(len(images), -1)[:, :3], data, ["mig"], n_train=40, n_test=20)
"""


def test_a_bar_is_for_a_terminal(monkeypatch):
    ours, theirs = pty.openpty()
    subprocess.run([sys.executable, "-c", CODE], stderr=theirs, check=True, env=os.environ | {"TERM": "xterm"})
    assert b"evaluating" in os.read(ours, 10_000)
    environment = os.environ | {"FORCE_COLOR": "1"}
    said = subprocess.run([sys.executable, "-c", CODE], capture_output=True, check=True, env=environment)
    assert b"evaluating" not in said.stderr


def test_a_figure_shows_itself():
    import pickle

    from selectdis.visualization._theme import new_figure

    figure = pickle.loads(pickle.dumps(new_figure()))  # noqa: S301 - our own
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert np.isfinite(figure.get_size_inches()).all()


def test_a_notebook_without_widgets_shows_a_line(monkeypatch):
    told = []
    handle = SimpleNamespace(update=lambda content, raw: told.append(content["text/plain"]))
    module = SimpleNamespace(display=lambda content, raw, display_id: handle)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(display=module))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    monkeypatch.setattr(progress, "_in_notebook", lambda: True)
    monkeypatch.setattr(progress, "find_spec", lambda name: None)
    monkeypatch.setattr(progress, "_wanted", True)
    with progress.progress_bar("runs") as show:
        for done in range(1, 2001):
            show("proxy: sprites", done, 2000)
    assert told[0] == "proxy: sprites: 1 of 2,000 runs"
    assert told[-1] == "proxy: sprites: 2,000 of 2,000 runs"
    assert len(told) < 1000
