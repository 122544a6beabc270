"""Training that is killed, interrupted, short of disk or memory, or left with a damaged file."""

import os
import signal
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch

from selectdis.data._pairs import ListedPairs
from selectdis.errors import SelectdisError
from selectdis.training import Candidate, Run, TrainingInterrupted, remove_checkpoint, train_cohort
from selectdis.training._checkpoint import Checkpoint
from selectdis.training._cohort import Cohort, ComputeSettings
from selectdis.training._runtime import torch_settings
from tests.training.conftest import Images, blobs, mixture, same, small

STEPS = 90

PROGRAM = """
import sys, time
from selectdis.training import train_cohort
from selectdis.training._cohort import Cohort
from tests.training.conftest import blobs, mixture
step = Cohort.step
def slow(self):
    step(self)
    time.sleep(0.02)
    print(self.step_count, flush=True)
Cohort.step = slow
try:
    train_cohort(mixture(), blobs(), steps=90, device="cpu", checkpoint=sys.argv[1], checkpoint_every=7)
except KeyboardInterrupt as error:
    print(type(error).__name__, error, flush=True)
    sys.exit(130)
"""


@pytest.fixture(scope="module")
def undisturbed():
    return train_cohort(mixture(), blobs(), steps=STEPS, device="cpu")


def resumed(path):
    return train_cohort(mixture(), blobs(), steps=STEPS, device="cpu", checkpoint=path)


def all_same(runs, others):
    return all(same(a, b) for a, b in zip(runs, others, strict=True))


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-c", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def wait_for(process, text):
    for line in process.stdout:
        if line.strip() == text:
            return
    raise AssertionError(f"the process ended before it printed {text}")


def test_killed_and_resumed_is_the_same_bit_for_bit(tmp_path, undisturbed):
    path = tmp_path / "state.safetensors"
    process = start(PROGRAM, str(path))
    wait_for(process, "40")
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert Checkpoint(path).read()[1]["step"] == 35
    assert all_same(resumed(path), undisturbed)


def test_ctrl_c_ends_the_step_saves_and_says_how_to_go_on(tmp_path, undisturbed):
    path = tmp_path / "state.safetensors"
    process = start(PROGRAM, str(path))
    wait_for(process, "40")
    process.send_signal(signal.SIGINT)
    rest = process.stdout.read()
    assert process.wait() == 130
    assert "TrainingInterrupted training stopped after step 4" in rest
    assert f"saved in {path}; call again with the same arguments" in rest
    assert Checkpoint(path).read()[1]["step"] >= 40
    assert all_same(resumed(path), undisturbed)


def test_a_second_call_returns_what_is_there(tmp_path, undisturbed, monkeypatch):
    path = tmp_path / "state.safetensors"
    resumed(path)
    monkeypatch.setattr(Cohort, "step", None)
    assert all_same(resumed(path), undisturbed)


def test_more_steps_go_on_from_the_last(tmp_path):
    path = tmp_path / "state.safetensors"
    options = {"device": "cpu", "curve_every": 10}
    train_cohort(mixture(), blobs(), steps=50, checkpoint=path, **options)
    longer = train_cohort(mixture(), blobs(), steps=STEPS, checkpoint=path, **options)
    assert all_same(longer, train_cohort(mixture(), blobs(), steps=STEPS, **options))


def stop_at(step):
    """A should_stop that answers yes after the step."""
    count = iter(range(1, 10**6))
    return lambda: next(count) >= step


def interrupted(path, step=50, **options):
    with pytest.raises(TrainingInterrupted):
        train_cohort(
            mixture(), blobs(), steps=STEPS, device="cpu", checkpoint=path, should_stop=stop_at(step), **options
        )


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "text"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, undisturbed, damage):
    path = tmp_path / "state.safetensors"
    interrupted(path, checkpoint_every=20)
    hurt(path, damage)
    with pytest.warns(UserWarning, match=r"state\.safetensors .*going on from the checkpoint before"):
        runs = resumed(path)
    assert all_same(runs, undisturbed)


def test_with_both_checkpoints_damaged_training_starts_anew(tmp_path, undisturbed):
    path = tmp_path / "state.safetensors"
    interrupted(path, checkpoint_every=20)
    hurt(path, "flipped")
    hurt(Checkpoint(path).previous, "truncated")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        runs = resumed(path)
    assert len([w for w in caught if "going on" in str(w.message)]) == 2
    assert all_same(runs, undisturbed)


@pytest.mark.parametrize("kind", ["folder", "run"])
def test_what_is_no_checkpoint_is_refused_and_stays_as_it_is(tmp_path, kind):
    path = tmp_path / "mine.safetensors"
    if kind == "folder":
        path.mkdir()
    else:
        train_cohort([small()], blobs(), steps=1, device="cpu")[0].save(path)
    before = None if kind == "folder" else path.read_bytes()
    with pytest.raises(SelectdisError, match=r"is a folder|does not hold a selectdis checkpoint"):
        train_cohort([small()], blobs(), steps=2, device="cpu", checkpoint=path, checkpoint_every=1)
    assert sorted(tmp_path.iterdir()) == [path]
    assert before is None or path.read_bytes() == before


def test_a_damaged_file_is_kept_aside_and_never_moved_over_the_good_one(tmp_path, undisturbed):
    path = tmp_path / "state.safetensors"
    for text in ("my notes", "more notes"):
        path.write_text(text)
        with pytest.warns(UserWarning, match=r"kept as state\.damaged-\d"):
            train_cohort(mixture(), blobs(), steps=20, device="cpu", checkpoint=path, checkpoint_every=10)
        path.unlink()
    assert [(tmp_path / f"state.damaged-{n}.safetensors").read_text() for n in (1, 2)] == ["my notes", "more notes"]


def test_only_its_own_files_are_removed_with_a_checkpoint(tmp_path):
    own = "state[1]"
    removed = [
        f"{own}.safetensors",
        f"{own}.previous.safetensors",
        f"{own}.half-a.half-b.previous.safetensors",
        f".{own}.next.safetensors.0123456789ab.tmp",
    ]
    kept = ["state.safetensors", "state1.safetensors", f"{own}-2.safetensors", f"{own}.best.safetensors"]
    for name in removed + kept:
        (tmp_path / name).touch()
    remove_checkpoint(tmp_path / f"{own}.safetensors")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)


def test_a_checkpoint_of_other_pairs_is_refused(tmp_path):
    class Shuffled(Images):
        @property
        def pairs(self):
            return ListedPairs(np.array([[0, 5], [7, 9]]))

    path, data = tmp_path / "state.safetensors", blobs()
    train_cohort([small("ada_gvae")], data, steps=2, device="cpu", checkpoint=path)
    other = Shuffled(data.name, data.images)
    with pytest.raises(SelectdisError, match="was written for other pairs"):
        train_cohort([small("ada_gvae")], other, steps=3, device="cpu", checkpoint=path)


def test_fewer_steps_than_the_checkpoint_has_are_refused(tmp_path):
    path = tmp_path / "state.safetensors"
    train_cohort([small()], blobs(), steps=20, device="cpu", checkpoint=path)
    with pytest.raises(SelectdisError, match="at step 20, beyond the 10 asked for"):
        train_cohort([small()], blobs(), steps=10, device="cpu", checkpoint=path)


@pytest.mark.parametrize("change", [{"step": "x"}, {"step": -1}, {"curve_steps": None}, {"seconds": []}])
def test_a_checkpoint_with_other_content_is_one_sentence(tmp_path, change):
    path = tmp_path / "state.safetensors"
    train_cohort([small()], blobs(), steps=2, device="cpu", checkpoint=path)
    arrays, description = Checkpoint(path).read()
    Checkpoint(path).write((arrays, description | change))
    with pytest.raises(SelectdisError, match="does not hold what it should"):
        train_cohort([small()], blobs(), steps=4, device="cpu", checkpoint=path)
    arrays.pop("model/weight/encoder.head.bias")
    Checkpoint(path).write((arrays, description))
    with pytest.raises(SelectdisError, match="does not hold what it should"):
        train_cohort([small()], blobs(), steps=4, device="cpu", checkpoint=path)


def test_a_diverged_candidate_is_resumed_as_it_was(tmp_path):
    path = tmp_path / "state.safetensors"
    candidates = [small(learning_rate=1e30), small(seed=1)]
    options = {"steps": 60, "device": "cpu", "curve_every": 5}
    undisturbed = train_cohort(candidates, blobs(), **options)
    with pytest.raises(TrainingInterrupted):
        train_cohort(candidates, blobs(), checkpoint=path, should_stop=stop_at(20), **options)
    runs = train_cohort(candidates, blobs(), checkpoint=path, **options)
    assert [run.status for run in runs] == ["diverged", "complete"]
    assert all_same(runs, undisturbed)
    assert runs[0].steps == runs[0].failed_step == train_cohort(candidates[:1], blobs(), **options)[0].steps


def hurt(path, damage):
    content = bytearray(path.read_bytes())
    if damage == "truncated":
        content = content[: len(content) // 2]
    elif damage == "flipped":
        content[len(content) // 2] ^= 1
    else:
        content = bytearray(b"" if damage == "empty" else b"not a checkpoint at all")
    path.write_bytes(content)


def test_a_checkpoint_of_other_candidates_or_images_is_refused(tmp_path):
    path = tmp_path / "state.safetensors"
    train_cohort([small(seed=1)], blobs(), steps=2, device="cpu", checkpoint=path)
    with pytest.raises(SelectdisError, match="other candidates"):
        train_cohort([small(seed=2)], blobs(), steps=2, device="cpu", checkpoint=path)
    with pytest.raises(SelectdisError, match="other images"):
        train_cohort([small(seed=1)], blobs(n=100), steps=2, device="cpu", checkpoint=path)
    with pytest.raises(SelectdisError, match="other precision"):
        train_cohort([small(seed=1)], blobs(), steps=2, device="cpu", precision="float64", checkpoint=path)


FULL_DISK = """
import resource, sys, warnings
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
from selectdis.training import train_cohort
from tests.training.conftest import blobs, small
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    (run,) = train_cohort([small()], blobs(), steps=20, device="cpu", checkpoint=sys.argv[1], checkpoint_every=10)
print(run.status, [str(w.message)[:26] for w in caught], flush=True)
"""


def test_a_full_disk_costs_a_warning_and_not_the_training(tmp_path):
    process = start(FULL_DISK, str(tmp_path / "state.safetensors"))
    output = process.stdout.read()
    assert process.wait() == 0
    assert output.startswith("complete ['cannot write the checkpoin'")
    assert os.listdir(tmp_path) == []  # no half-written file stays


def out_of_memory_above(size, error):
    """A Cohort.step that runs out of memory with more than `size` candidates."""
    step = Cohort.step

    def limited(self):
        if len(self.candidates) > size:
            raise error
        step(self)

    return limited


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()])
def test_out_of_memory_halves_the_cohort(tmp_path, undisturbed, monkeypatch, error):
    monkeypatch.setattr(Cohort, "step", out_of_memory_above(3, error))
    path = tmp_path / "state.safetensors"
    runs = resumed(path)
    assert [run.candidate for run in runs] == mixture()
    for run, other in zip(runs, undisturbed, strict=True):
        np.testing.assert_allclose(run.curves["loss"], other.curves["loss"], rtol=1e-5)
    assert len(list(tmp_path.iterdir())) > 1
    remove_checkpoint(path)
    assert list(tmp_path.iterdir()) == []


def test_too_little_memory_for_one_candidate_says_so(monkeypatch):
    monkeypatch.setattr(Cohort, "step", out_of_memory_above(0, MemoryError()))
    with pytest.raises(
        SelectdisError, match=r"not enough memory to train one candidate, beta_vae-\w+-s0 \(MemoryError\); .*batch_size"
    ):
        train_cohort(mixture(), blobs(), steps=5, device="cpu")


def test_should_stop_without_a_checkpoint_says_that_nothing_was_saved():
    with pytest.raises(
        TrainingInterrupted, match=r"after step 5 of 90: nothing was saved; give a checkpoint .*checkpoint_dir"
    ):
        train_cohort([small()], blobs(), steps=STEPS, device="cpu", should_stop=stop_at(5))


def test_seconds_count_earlier_sittings(tmp_path):
    path = tmp_path / "state.safetensors"
    interrupted(path)
    arrays, description = Checkpoint(path).read()
    Checkpoint(path).write((arrays, description | {"seconds": 1200.0}))
    runs = resumed(path)
    assert sum(run.seconds for run in runs) > 1200


def test_torch_settings_are_put_back():
    threads = torch.get_num_threads()
    train_cohort([small()], blobs(), steps=1, device="cpu")
    assert torch.get_num_threads() == threads
    assert torch.tensor(1e-40).mul(1).item() > 0  # small numbers count again
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(("precision", "tf32"), [("float32", False), ("tf32", True), ("bf16", True)])
def test_settings_of_cuda_are_put_back(precision, tf32):
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark
    with torch_settings(ComputeSettings(torch.device("cuda"), precision)):
        assert (matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark) == (tf32, tf32, True)
    assert (matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark) == before


def test_a_device_with_a_number_is_the_one_that_is_set(monkeypatch):
    """Triton's kernels and CUDA graphs go there."""
    now = [0]

    def exchange(number):
        before, now[0] = now[0], number if number >= 0 else now[0]
        return before

    monkeypatch.setattr(torch.cuda, "_exchange_device", exchange)
    monkeypatch.setattr(torch.cuda, "_maybe_exchange_device", exchange)
    with torch_settings(ComputeSettings(torch.device("cuda:1"))):
        assert now == [1]
    assert now == [0]


NEWER_NAMES = """
import torch
from selectdis.training._cohort import ComputeSettings
from selectdis.training._runtime import torch_settings
torch.backends.cudnn.conv.fp32_precision = "ieee"
with torch_settings(ComputeSettings(torch.device("cuda"), "tf32")):
    print(torch.backends.cudnn.conv.fp32_precision)
"""


def test_settings_of_cuda_by_their_newer_names_are_left_alone():
    assert start(NEWER_NAMES).communicate()[0].strip() == "ieee"


def test_a_finished_checkpoint_can_be_saved_as_runs(tmp_path):
    path = tmp_path / "state.safetensors"
    (run,) = train_cohort([Candidate(architecture="fc", width=8)], blobs(), steps=2, device="cpu", checkpoint=path)
    run.save(tmp_path / "run.safetensors")
    assert same(Run.load(tmp_path / "run.safetensors"), run)
    with pytest.raises(SelectdisError, match="does not hold a selectdis run"):
        Run.load(path)
