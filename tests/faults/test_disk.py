"""A disk that is full or refuses, and files that were damaged."""

import resource
import signal
import subprocess

import pytest

from tests.faults.drivers import RUNS, Driver, assert_whole, notes, records


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own of some kilobytes; its options can be changed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=120k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def remount(folder, options):
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def limit_files():
    """No file above 15 kB: writing more is an error, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (15_000, resource.RLIM_INFINITY))


def assert_refused(driver):
    assert driver.wait() == 2, driver.said
    assert "what is done is kept" in driver.said or "cannot write" in driver.said
    assert "Traceback" not in driver.said
    assert sum(line.startswith("error:") for line in driver.said.splitlines()) == 1


def test_a_full_disk_ends_in_one_sentence_and_with_room_the_study_goes_on(small_disk, tmp_path, expected):
    study = small_disk / "study"
    assert_refused(Driver(study, "--jobs", "1"))
    remount(small_disk, "size=4m")
    Driver(study, "--jobs", "1").finish()
    assert_whole(study, expected)


def test_a_file_that_may_not_grow_ends_in_one_sentence(tmp_path, expected):
    study = tmp_path / "study"
    assert_refused(Driver(study, "--jobs", "1", fault=limit_files))
    Driver(study, "--jobs", "1").finish()
    assert_whole(study, expected)


def test_a_read_only_folder_is_one_sentence(small_disk, tmp_path):
    remount(small_disk, "size=4m")
    study = small_disk / "study"
    driver = Driver(study, "--jobs", "1").finish()
    remount(small_disk, "ro")
    spec = tmp_path / "study.yaml"
    spec.write_text(driver.out.with_suffix(".yaml").read_text())
    again = Driver(tmp_path / "elsewhere", "--folder", str(study), "--jobs", "1")
    assert_refused(again)
    assert len(records(study)) == RUNS  # reading needs no writing


def damage(path, at, with_=b"\xff\x00garbage"):
    content = bytearray(path.read_bytes())
    start = int(at * len(content))
    content[start : start + len(with_)] = with_
    path.write_bytes(content)


@pytest.mark.parametrize("at", [0.3, 0.6, 0.999])
def test_a_damaged_journal_is_cut_and_no_finished_run_is_trained_again(tmp_path, expected, at):
    folder = tmp_path / "study"
    Driver(folder, "--jobs", "1").finish()
    damage(folder / "study.log", at)
    driver = Driver(folder, "--jobs", "1").finish()
    assert "damaged" in driver.said
    assert (folder / "study.log.damaged").exists()
    assert_whole(folder, expected)


def test_damaged_and_lost_codes_are_made_again_from_the_models(tmp_path, expected):
    folder = tmp_path / "study"
    driver = Driver(folder, "--jobs", "1").until(lambda: len(notes(folder, "step")) > 40)
    driver.kill()
    for number, path in enumerate(sorted((folder / "codes").rglob("*.npy"))):
        damage(path, 0.0) if number % 2 else path.unlink()
    Driver(folder, "--jobs", "1").finish()
    assert_whole(folder, expected)


def test_without_its_journal_a_study_trains_only_what_left_no_whole_model(tmp_path, expected):
    folder = tmp_path / "study"
    Driver(folder, "--jobs", "1").finish()
    (folder / "study.log").unlink()
    models = sorted((folder / "models").rglob("*.safetensors"))
    damage(models[0], 0.5)
    models[1].write_bytes(models[1].read_bytes()[:100])
    models[2].unlink()
    Driver(folder, "--jobs", "1").finish()
    assert_whole(folder, expected)
    assert len(notes(folder, "start")) == RUNS + 3


def test_a_damaged_checkpoint_costs_an_interval(tmp_path, expected):
    folder = tmp_path / "study"
    driver = Driver(folder, "--jobs", "1").until(lambda: len(notes(folder, "step")) > 18)
    driver.kill()
    files = {path.suffixes[0]: path for path in (folder / "checkpoints").rglob("*.safetensors")}
    # The kill may come between two renames, when there is the one before alone.
    damage(files.get(".safetensors") or files[".previous"], 0.7)
    driver = Driver(folder, "--jobs", "1").finish()
    assert "going on from the checkpoint before" in driver.said
    assert_whole(folder, expected)


def test_stale_locks_of_a_killed_driver_stall_nobody(tmp_path, expected):
    folder = tmp_path / "study"
    folder.mkdir(parents=True)
    (folder / "study.log.lock").touch()
    (folder / "driver.lock").write_text("process 1 on nowhere")
    Driver(folder, "--jobs", "1").finish()
    assert_whole(folder, expected)
