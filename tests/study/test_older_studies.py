"""A folder that version 0.1 left (a search of two runs and a transfer of two): it is read, resumed and reported."""

import shutil
from pathlib import Path

import pytest

import selectdis as sd
from selectdis.errors import OldNameWarning
from selectdis.execution import _worker as worker
from selectdis.report import write_report
from selectdis.scoring._version import SCORES_VERSION

PROXY = {"beta_vae-0637483e-s0", "beta_vae-5931c8e1-s0"}
TARGET = {"beta_vae-5931c8e1-s0", "beta_vae-5931c8e1-s1"}


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(Path(__file__).parent / "files" / "study_of_0.1", tmp_path / "older"))


@pytest.fixture
def study(folder):
    with pytest.warns(OldNameWarning, match="mean_rank is now win_rate"):
        return sd.Study.from_file(folder / "study.yaml", folder=folder, n_jobs=1)


def test_nothing_is_trained_again(study, monkeypatch):
    monkeypatch.setattr(worker, "train_cohort", lambda *_, **__: pytest.fail("trained again"))
    before = study.records
    assert set(study.run().records["candidate"]) == PROXY
    transfer = study.transfer()
    assert set(transfer.records["candidate"]) == TARGET  # scored again, from their models
    assert set(transfer.records["scores_version"]) == {SCORES_VERSION}
    assert transfer.pick.candidate == "beta_vae-5931c8e1-s1"
    assert transfer.best.candidate.id == transfer.pick.candidate
    assert study.records.equals(before)


def test_a_setting_that_it_does_not_know_had_its_default_then(folder, study):
    journal = folder / "study.log"
    text = journal.read_text()
    journal.write_text(text.replace('"compile":false,', ""))
    assert journal.read_text() != text
    assert set(study.run().records["candidate"]) == PROXY


def test_it_goes_on_with_what_is_new(folder, study):
    wider = study.spec.model_copy(update={"seeds": study.spec.seeds.model_copy(update={"count": 2})})
    with pytest.warns(UserWarning, match="2 of 4 runs are left out: their scores are of an older version"):
        records = sd.Study(wider, folder=folder, n_jobs=1).run().records
    assert len(records) == 2  # the others have no model here that could be scored again
    assert not set(records["candidate"]) & PROXY
    assert set(records["scores_version"]) == {SCORES_VERSION}
    assert len(list(folder.glob("models/sprites*/*"))) == 2  # the runs of before had left no model here


def test_an_objective_that_did_not_exist_then_is_left_out_with_a_reason(folder, study):
    search = study.spec.search.model_copy(update={"objective": study.spec.search.objective | {"qlae": {}}})
    newer = study.spec.model_copy(update={"search": search})
    with pytest.warns(UserWarning, match="left out: the study was begun without 'qlae'.*in a study of its own"):
        records = sd.Study(newer, folder=folder, n_jobs=1).run().records
    assert set(records["candidate"]) == PROXY


def test_it_is_shown(study):
    board = study.leaderboard()
    assert list(board["settings"]) == ["beta_vae beta=4", "beta_vae beta=1"]
    assert set(board["ranked_by"]) == {"win_rate"}
    assert [transfer.pick.candidate for transfer in study.transfers()] == ["beta_vae-5931c8e1-s1"]
    assert "beta_vae-5931c8e1-s1" in write_report(study).read_text(encoding="utf-8")
