"""Transfers that did not come to their end: what cannot be used leaves no trace, and what is recorded is shown."""

import json

import numpy as np
import pytest
from PIL import Image

import selectdis as sd
from selectdis.data._reference import _load
from selectdis.errors import SelectdisError
from selectdis.records import without_labels
from selectdis.report import write_report
from selectdis.study._replay import stage_views
from tests.study.fakes import spec, stop_after_first_run, trained

pytestmark = pytest.mark.usefixtures("no_training")
RULE = {"run": "udr_lasso", "top": 2, "seeds": 2}


def make(tmp_path, **changes):
    return sd.Study(spec(select=RULE, **changes), folder=tmp_path / "study", n_jobs=1)


def pictures(folder, count):
    folder.mkdir()
    for i in range(count):
        pixels = np.random.default_rng(i).integers(0, 256, (16, 16), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return f"folder:{folder}"


@pytest.mark.parametrize("target", ["shapes3d", "folder:nowhere", "diggits"])
def test_a_target_that_cannot_be_loaded_leaves_no_trace(tmp_path, target, monkeypatch):
    monkeypatch.setenv("SELECTDIS_DATA", str(tmp_path / "no data"))
    study = make(tmp_path).run()
    journal = (tmp_path / "study" / "study.log").read_bytes()
    with pytest.raises(SelectdisError):
        study.transfer(target)
    assert (tmp_path / "study" / "study.log").read_bytes() == journal


@pytest.mark.parametrize("count", [1, 3])
def test_a_target_of_hardly_any_images_is_refused_with_their_number(tmp_path, count):
    target = pictures(tmp_path / "few", count)
    with pytest.raises(SelectdisError, match=f"few' has only {count} image.*held_out.*more than 5"):
        make(tmp_path).run().transfer(target)
    assert make(tmp_path).transfers() == []


def test_a_stage_without_runs_is_left_out(tmp_path):
    """As an earlier version, or a driver that was killed as it began, left it."""
    study = make(tmp_path).run()
    study.transfer()
    study.store.begin("target", study.data.target("shapes3d"))
    assert [transfer.target for transfer in make(tmp_path).transfers()] == ["digits"]
    assert [view.info.data.name for view in stage_views(make(tmp_path))] == ["sprites", "digits"]


def test_images_that_are_gone_cost_their_pictures_alone(tmp_path):
    target = pictures(tmp_path / "mine", 30)
    study = make(tmp_path).run()
    study.transfer(target)
    (tmp_path / "mine").rename(tmp_path / "elsewhere")
    _load.cache_clear()  # as in a process that comes later
    again = make(tmp_path)
    assert again.transfers()[0].pick is not None
    with pytest.warns(UserWarning, match=r"images of the target folder:.*mine cannot be loaded"):
        proxy, shown = stage_views(again)
    assert (shown.info.data.name, bool(shown.info.absent), bool(proxy.info.absent)) == (target, True, False)
    assert len(shown.stage.raw_records()) == 4
    with pytest.warns(UserWarning, match="cannot be loaded"):
        page = write_report(again).read_text(encoding="utf-8")
    assert "lacks their pictures" in page
    assert f"Picked on {target}" in page
    study.transfer("digits")  # and another target is as good as ever
    assert len(make(tmp_path).transfers()) == 2


def test_before_its_end_a_transfer_shows_its_runs_and_says_what_is_missing(tmp_path):
    stop_after_first_run(make(tmp_path).run().transfer)
    study = make(tmp_path)
    (transfer,) = study.transfers()
    assert transfer.pick is None
    assert "UDR (lasso)" in transfer.why
    with pytest.warns(UserWarning, match=r"target digits: the transfer has not come to its end.*UDR"):
        board = transfer.leaderboard()
    assert set(board["dataset"]) == {"digits"}
    assert board["settings"].str.startswith("beta").all()
    page = write_report(study).read_text(encoding="utf-8")
    assert "No run is picked on digits" in page
    assert "Best on the proxy sprites" in page
    assert "No target yet" not in page
    study.transfer()
    assert make(tmp_path).transfers()[0].pick is not None


def test_a_target_whose_attributes_were_cut_away_is_left_out_until_the_next_transfer(tmp_path):
    study = make(tmp_path).run()
    expected = study.transfer().records
    journal = tmp_path / "study" / "study.log"
    lines = journal.read_bytes().splitlines(keepends=True)
    (begin,) = [i for i, line in enumerate(lines) if b"/target/" in line and json.loads(line)["op_code"] == 0]
    journal.write_bytes(b"".join(lines[: begin + 1]) + b"garbage\n" + b"".join(lines[begin + 2 :]))
    with pytest.warns(UserWarning, match="damaged"):
        make(tmp_path).run()
    with pytest.warns(UserWarning, match=r"target 'digits-\w+' is left out.*next transfer"):
        assert make(tmp_path).transfers() == []
    with pytest.warns(UserWarning, match="left out"):
        write_report(make(tmp_path))
    assert len(make(tmp_path).transfer().records) == len(expected)
    assert len(make(tmp_path).transfers()) == 1


def test_why_counts_the_configurations_and_runs_that_there_are(tmp_path):
    study = make(tmp_path).run()
    two = study.transfer(top=2).why
    assert two.startswith("the best of 4 runs on the target by UDR (lasso), ")
    assert "from the 2 configurations that are best by win rate on the proxy (rule: win_rate > udr" in two
    one = study.transfer(top=1).why
    assert one.startswith("the best of 2 runs on the target")  # 4 are there
    assert "from the configuration that is best by win rate on the proxy" in one
    assert "the 5 configurations" in study.transfer(top=9).why


def test_a_rule_of_few_labels_sees_them_alone_and_needs_a_labelled_target(tmp_path):
    changes = {"evaluation": {"metrics": ["mig", "few_labels"]}, "target": None}
    description = spec(**changes) | {"select": {"run": "labels:mig.few100", "top": 1, "seeds": 2}}
    study = sd.Study(description, folder=tmp_path / "study", n_jobs=1).run()
    with pytest.raises(SelectdisError, match="needs a few labels of the target, and 'digits' has none"):
        study.transfer("digits")
    with pytest.raises(SelectdisError, match="needs a few labels"):  # where the file names it: before the search
        sd.Study(description | {"target": "digits"}, folder=tmp_path / "new", n_jobs=1).run()
    assert trained(tmp_path / "new") == []
    records = study.records.assign(**{"metric.mig.few100": 0.5})
    seen = set(without_labels(records, study.rule().target_columns))
    assert "metric.mig.few100" in seen
    assert "metric.mig" not in seen


@pytest.mark.parametrize("jobs", [None, 2])
def test_a_device_that_is_not_there_is_refused_at_once_and_hinders_no_reading(tmp_path, monkeypatch, jobs):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    device = {"training": {"steps": 10, "device": "cuda"}}
    study = sd.Study(spec(**device), folder=tmp_path / "study", n_jobs=jobs)
    with pytest.raises(SelectdisError, match="the device 'cuda' is not there"):
        study.run()
    assert not (tmp_path / "study").exists()
    elsewhere = sd.Study(spec(**device), folder=tmp_path / "study", scheduler="tcp://gpu:8786").run()
    assert len(study.leaderboard()) == 5  # trained by workers that have one, read here
    assert len(elsewhere.records) == 15
    with pytest.raises(SelectdisError, match="not there"):
        study.transfer()
