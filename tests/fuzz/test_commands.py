"""Every command with any arguments: done or refused in one sentence, and nothing is written elsewhere."""

import os
import shutil
import stat
import sys
from functools import cache
from types import SimpleNamespace

import click
import numpy as np
import pytest
import typer
import yaml
from hypothesis import given
from hypothesis import strategies as st

from selectdis.cli import app
from selectdis.errors import SelectdisError
from selectdis.selection.archive._table import _published as published
from tests.fuzz.conftest import STUDY
from tests.fuzz.property import cases, in_time, tree
from tests.selection.records import make_records

FILES = ["study.yaml", "records.csv", "codes.npz", "codes.npy", "runs/fake", "runs", "junk.bin", "missing", "pipe"]
WORDS = ["", " ", "-1", "0", "1", "2", "9" * 30, "nan", "mig", "win_rate", "digits", "sprites", "folder:.", "é %41?#"]
WORDS += ["\x1b[2J", "a\nb", "x" * 3_000, "--", "--help", "training.steps=5", "seeds=[1,2", "=", "seeds=0", "[red]"]
WORDS += ["postgresql://me:secret@127.0.0.1:1/db?password=secret", "tcp://127.0.0.1:1", "sqlite:///x.db", "/dev/null"]
WORDS += [
    "mean > udr_lasso @ 1",
    "labels:mig",
    "run",
    "udr_lasso",
    "configuration",
    "out.csv",
    "out/put.csv.gz",
    "none",
]


def commands(group=None, before=()):
    """The name of every command, with the names of its options."""
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        if isinstance(command, click.Group) or hasattr(command, "commands"):
            yield from commands(command, (*before, name))
        else:
            options = [option for one in command.params for option in one.opts if option.startswith("--")]
            yield (*before, name), options


COMMANDS = dict(commands())
# A hundred resamples cost a second each time; a number among the words that are drawn goes before this one.
LIGHT = {("arena",): ["--bootstrap", "2"], ("backtest",): ["--bootstrap", "2"]}


@st.composite
def arguments(draw, command):
    """Files and words, some of them as the values of the command's own options, in the order of chance."""
    given_ = [[draw(st.sampled_from(FILES))] for _ in range(draw(st.integers(0, 2)))]
    for _ in range(draw(st.integers(0, 3))):
        value = draw(st.sampled_from(FILES + WORDS))
        option = draw(st.sampled_from([*COMMANDS[command], "--made-up"]))
        given_.append(
            draw(st.sampled_from([[option, value], [option, value], [f"{option}={value}"], [option], [value]]))
        )
    return [word for part in draw(st.permutations(given_)) for word in part]


@pytest.fixture
def world(tmp_path, call, no_training, monkeypatch, ran):
    """A folder with what commands take; nobody trains, shows, downloads or asks a server."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("kept")
    place = tmp_path / "world"
    (place / "é %41?#").mkdir(parents=True)
    monkeypatch.chdir(place)
    monkeypatch.setattr("selectdis.cli._ui._server", lambda *_: [sys.executable, "-c", ""])
    monkeypatch.setattr("selectdis.data.fetch", refuse)
    shown = SimpleNamespace(sent=0, runs=0)
    monkeypatch.setattr("selectdis.tracking._rebuild.track", lambda study, uri: shown)
    monkeypatch.setattr("selectdis.tracking._rebuild.rebuild", lambda study, uri: study.records)
    rng = np.random.default_rng(0)
    shutil.copytree(ran, place / "runs" / "fake")
    (place / "study.yaml").write_text(yaml.safe_dump(STUDY))
    records = make_records(2, 4, 2, rng=rng)
    records.to_csv(place / "records.csv", index=False)
    monkeypatch.setattr("selectdis.selection.archive._table._published", few_published)
    monkeypatch.setenv("SELECTDIS_DATA", str(place / "data"))
    np.savez(place / "codes.npz", codes=rng.normal(size=(60, 2)), factors=rng.integers(0, 3, (60, 2)))
    np.save(place / "codes.npy", rng.normal(size=(60, 2)))
    (place / "junk.bin").write_bytes(rng.bytes(500))
    os.mkfifo(place / "pipe")
    return place


@cache
def few_published():
    """Return the runs of two seeds on two data sets, so that nothing takes long."""
    runs = published()
    return runs[runs["dataset"].isin(runs["dataset"].unique()[:2]) & (runs["seed"] < 2)]


def refuse(*_, **__):
    raise SelectdisError("there is no network")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_with_any_arguments_is_done_or_one_sentence(world, call, command):
    outside = tree(world.parent / "outside")

    @cases(20)
    @given(arguments(command))
    def check(words):
        with in_time():
            said = call(*command, *LIGHT.get(command, []), *words)
        assert said.code in (0, 1, 2), said
        assert "Traceback" not in said.err
        if said.code == 2:  # in typer's box or in ours
            assert sum(line.startswith("error: ") or "─ Error ─" in line for line in said.err.splitlines()) == 1, said
        assert tree(world.parent / "outside") == outside
        assert {path.name for path in world.parent.iterdir()} == {"outside", "world"}
        assert stat.S_ISCHR(os.stat("/dev/null").st_mode)

    check()
