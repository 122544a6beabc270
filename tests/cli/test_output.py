"""`--out`: folders are made, whole files are written, and what cannot be written is refused before the work."""

import errno
import os
import stat

import numpy as np
import pandas as pd
import pytest

from selectdis.cli._output import write_csv, written
from selectdis.errors import SelectdisError
from selectdis.report import write_report
from tests.selection.records import make_records

COMMANDS = {
    "analyze": ["analyze", "records.csv"],
    "backtest": ["backtest", "records.csv", "--bootstrap", "2", "--rule", "any > udr_lasso"],
    "preview": ["data", "preview", "digits"],
    "score": ["score", "both.npz", "--metric", "mig"],
}


@pytest.fixture
def inputs(tmp_path):
    rng = np.random.default_rng(0)
    make_records(2, 6, 3, rng=rng).to_csv(tmp_path / "records.csv", index=False)
    np.savez(tmp_path / "both.npz", codes=rng.normal(size=(60, 2)), factors=rng.integers(0, 3, (60, 2)))
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_folders_are_made_and_nothing_else_is_left(inputs, call, command):
    out = inputs / "new" / "folder" / "out.png"
    said = call(*COMMANDS[command], "--out", out)
    assert said.code == 0, said.err
    assert [path.name for path in out.parent.iterdir()] == ["out.png"]
    assert out.is_dir() == (command == "analyze")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_place_that_cannot_be_written_is_refused_before_the_work(inputs, call, command, monkeypatch):
    for module in (
        "selectdis.selection.backtest",
        "selectdis.selection.analysis",
        "selectdis.scoring.evaluate_codes",
    ):
        monkeypatch.setattr(module, worked)
    (inputs / "file").touch()
    assert "file is a file" in call(*COMMANDS[command], "--out", inputs / "file" / "out").refusal
    monkeypatch.setattr(os, "access", lambda place, mode: mode != os.W_OK)  # as on a read-only file system
    assert f"{inputs} is not writable" in call(*COMMANDS[command], "--out", inputs / "none" / "out").refusal


def worked(*arguments, **options):
    raise AssertionError("the work began")


@pytest.mark.parametrize("command", ["backtest", "preview", "score"])
def test_a_folder_in_place_of_a_file(inputs, call, command):
    assert "is a folder: add the name of a file" in call(*COMMANDS[command], "--out", inputs).refusal


def test_a_file_in_place_of_a_folder(inputs, call):
    before = (inputs / "records.csv").read_bytes()
    assert "records.csv is a file" in call(*COMMANDS["analyze"], "--out", inputs / "records.csv").refusal
    assert (inputs / "records.csv").read_bytes() == before


def test_a_table_is_compressed_where_its_name_says_so(inputs, call):
    assert call(*COMMANDS["backtest"], "--out", "rules.csv.gz").code == 0
    assert (inputs / "rules.csv.gz").read_bytes()[:2] == b"\x1f\x8b"
    assert "p_beats_random" in pd.read_csv(inputs / "rules.csv.gz")


def test_after_a_full_disk_the_old_file_is_still_there(tmp_path):
    path = tmp_path / "out.json"
    path.write_text("old")
    with pytest.raises(SelectdisError, match="No space left"):
        fill_the_disk(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def fill_the_disk(path):
    with written(path) as file:
        file.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_pipe_is_written_to_and_not_replaced(inputs, call):
    os.symlink("/dev/null", inputs / "pipe")
    assert call(*COMMANDS["score"], "--out", "pipe").code == 0
    assert (inputs / "pipe").is_char_device()


def test_texts_that_a_spreadsheet_would_run_are_quoted(tmp_path):
    frame = pd.DataFrame({"=name": ["=cmd|'/c calc'!A0", "+1", "-x", "@sum", "\tx", "fine", "a=b"], "n": [-1.5] * 7})
    write_csv(frame, tmp_path / "out.csv")
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert [line.rsplit(",", 1)[0].strip('"') for line in lines] == (
        ["'=name", "'=cmd|'/c calc'!A0", "'+1", "'-x", "'@sum", "'\tx", "fine", "a=b"]
    )
    assert all(line.endswith(",-1.5") for line in lines[1:])  # numbers stay numbers
    assert frame["=name"][1] == "+1"


def test_every_writer_of_a_users_path_leaves_a_device_in_its_place(inputs, call, monkeypatch):
    """`--out /dev/null` as root: nothing takes the device's place, whoever writes."""
    null = inputs / "null"
    try:
        os.mknod(null, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("this user makes no devices")
    for command in ("backtest", "preview", "score"):
        assert call(*COMMANDS[command], "--out", null).code == 0
    monkeypatch.setattr("selectdis.report._page.take_snapshot", lambda *_, **__: None)
    monkeypatch.setattr("selectdis.report._page.render", lambda *_, **__: "page")
    write_report(None, null)
    assert null.is_char_device()


def test_a_disk_that_refuses_is_one_sentence_wherever_it_happens(call, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError(errno.EROFS, "Read-only file system", "f/tracking")

    monkeypatch.setattr("selectdis.scoring.load_codes", refuse)
    assert "the disk refuses f/tracking: Read-only file system" in call("score", "x.npz").refusal


@pytest.mark.parametrize("command", ["backtest", "preview", "score"])
def test_a_negative_seed(inputs, call, command):
    out = ["--out", "x.png"] if command == "preview" else []
    assert "--seed" in call(*COMMANDS[command], "--seed", "-1", *out).refusal


def test_a_name_too_long_for_a_file_is_one_sentence(call):
    done = call("analyze", "x" * 300)
    assert done.code == 2
    assert done.err.startswith("error: no file can have so long a name: xxx")
