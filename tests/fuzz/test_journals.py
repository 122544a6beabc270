"""A study whose journal is damaged, or says anything, is read and goes on, or ends in one sentence."""

import json
import shutil

from hypothesis import given

from selectdis.study import Study
from tests.fuzz.conftest import STUDY
from tests.fuzz.property import cases, changed, choices, damages, json_junk, outcome, tree


def use(folder, choice):
    """All that is made of a journal; now and then the study goes on."""
    study = Study(STUDY, folder=folder, n_jobs=1)
    assert study.stopped == []
    if not study.records.empty:
        study.leaderboard()
        study.leaderboard(by="run")
    for transfer in study.transfers():
        transfer.leaderboard()
    if choice % 4 == 0:
        assert len(study.run().records) == 5 * 2


def tried(ran, tmp_path, journal, choice):
    """Put `journal` in a copy of the study, use it, and look whether anything else was touched."""
    folder = tmp_path / "study"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ran, folder)
    (folder / "study.log").write_bytes(journal)
    before = tree(ran)
    outcome(lambda: use(folder, choice))
    assert tree(ran) == before
    assert {path.name for path in tmp_path.iterdir()} == {"study"}


@cases(30)
@given(damages(), choices)
def test_damaged_journals(ran, tmp_path, no_training, damage, choice):
    tried(ran, tmp_path, damage((ran / "study.log").read_bytes()), choice)


@cases(50)
@given(choices, choices, json_junk)
def test_journals_that_say_anything(ran, tmp_path, no_training, line, choice, value):
    lines = (ran / "study.log").read_bytes().splitlines()
    at = line % len(lines)
    lines[at] = json.dumps(changed(json.loads(lines[at]), choice, value)).encode()
    tried(ran, tmp_path, b"\n".join(lines) + b"\n", choice)
