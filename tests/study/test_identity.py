"""A study's own id: one for all that use its folder, kept by a move, and given anew to a copy that runs."""

import json
import shutil
import threading
import warnings

import pytest

import selectdis as sd
from selectdis.study.persistence._identity import folder_id
from tests.study.fakes import spec

pytestmark = pytest.mark.usefixtures("no_training")


def make(folder):
    return sd.Study(spec(seeds=1), folder=folder, n_jobs=1)


@pytest.fixture
def ran(tmp_path):
    return make(tmp_path / "a").run()


def test_an_id_of_its_own_that_stays(ran, tmp_path):
    other = make(tmp_path / "b").run()
    assert len(ran.id) == 32
    assert ran.id == make(ran.folder).run().id != other.id


def test_a_moved_folder_keeps_it_and_a_copy_that_runs_gets_another_which_is_said_once(ran, tmp_path):
    before = ran.id
    ran.folder.rename(tmp_path / "moved")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        moved = make(tmp_path / "moved").run()
    assert moved.id == before
    shutil.copytree(moved.folder, tmp_path / "copy")
    assert make(tmp_path / "copy").id == before  # as long as it is only looked at
    with pytest.warns(UserWarning, match=r"copy is a copy of the study in .*moved"):
        copy = make(tmp_path / "copy").run()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert make(tmp_path / "copy").run().id == copy.id != before
        assert make(tmp_path / "moved").run().id == before


def test_a_link_to_a_folder_is_no_copy(ran, tmp_path):
    (tmp_path / "link").symlink_to(ran.folder)
    assert make(tmp_path / "link").run().id == ran.id


def test_all_that_ask_at_once_get_the_same(tmp_path):
    found = []
    threads = [threading.Thread(target=lambda: found.append(folder_id(tmp_path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"id": 5, "folder": "/"}', '{"id": "../../x", "folder": "/"}', "[" * 100_000, '{"id": "a" ,"more": 1}',
     json.dumps({"id": "a" * 32, "folder": 5})],
)  # fmt: skip
def test_a_file_that_says_no_id_is_written_anew(tmp_path, content):
    (tmp_path / "study.id.json").write_text(content)
    assert len(folder_id(tmp_path)) == 32
    assert folder_id(tmp_path) == folder_id(tmp_path) != "a" * 32


@pytest.mark.parametrize("place", ["\0", "x" * 5_000, "/dev/null"])
def test_a_place_that_cannot_be_is_as_good_as_one_that_is_gone(ran, place):
    before = ran.id
    (ran.folder / "study.id.json").write_text(json.dumps({"id": before, "folder": place}))
    assert make(ran.folder).run().id == before
    assert json.loads((ran.folder / "study.id.json").read_text())["folder"] == str(ran.folder)


def test_an_option_that_a_tracker_lacks_is_one_sentence_before_anything_runs(tmp_path):
    study = sd.Study(spec(tracking={"mlflow": {"experimnt": "x"}}), folder=tmp_path / "a")
    with pytest.raises(sd.SelectdisError, match=r"mlflow has no option 'experimnt'.*experiment"):
        study.run()
    hidden = sd.Study(spec(tracking={"mlflow": {"uri": "http://x"}}), folder=tmp_path / "b")
    with pytest.raises(sd.SelectdisError, match="no option 'uri'"):  # no matter of a file that is handed around
        hidden.run()
    with pytest.raises(sd.SelectdisError, match="tracking"):
        sd.Study(spec(tracking={"mlflow": {}, "other": {}}))
