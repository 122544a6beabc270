"""Study files and study folders that somebody else made."""

import json
import pickle
import warnings

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import selectdis as sd
import selectdis.study._batch as batch_module
from selectdis.data._reference import DataReference
from selectdis.errors import SelectdisError
from selectdis.execution._job import CohortJob
from selectdis.execution._study_jobs import jobs_of, run_jobs
from selectdis.execution._worker import run_cohort
from selectdis.scoring._files import codes_path, model_path
from selectdis.spec import parse_spec
from selectdis.study._search import candidate_from, grid
from selectdis.study.persistence._folder import driver_lock, open_journal
from tests.faults.drivers import tiny

HUGE = json.dumps({"a": {"dtype": "F32", "shape": [10**9, 10**9], "data_offsets": [0, 4]}}).encode()
BEGIN = "name: x\nproxy: sprites\n"
LAUGHS = "a0: &a0 [ha, ha]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))
MERGES = "m0: &m0 {a: 1, b: 2}\n" + "".join(
    f"m{i}: &m{i} {{<<: [{', '.join([f'*m{i - 1}'] * 9)}]}}\n" for i in range(1, 12)
)


@pytest.mark.parametrize(
    "text",
    [
        BEGIN + LAUGHS,
        LAUGHS + BEGIN + "search: {objective: *a11}\n",
        BEGIN + MERGES,
        BEGIN + "search: &s {objective: *s}\n",
        BEGIN + "search: &s [*s]\n",
        "proxy: &p {name: sprites, more: *p}\nname: x\nsearch: {objective: beta_vae}\n",
        "[" * 100_000,
        "a: " + "[" * 5_000 + "]" * 5_000,
        BEGIN + "# " + "x" * 2_000_000,
        BEGIN + "search: !!python/object/apply:os.system ['touch /tmp/owned']\n",
        BEGIN + "search: !!python/name:os.system\n",
        "!!python/object/new:subprocess.Popen [[true]]\n",
        BEGIN + "search: {objective: beta_vae}\nname: ../../etc\n",
        BEGIN + "seeds: " + "9" * 5_000 + "\nsearch: {objective: beta_vae}\n",
    ],
)
def test_hostile_study_files_are_one_sentence(text):
    with pytest.raises(SelectdisError) as caught:
        parse_spec(text)
    assert len(str(caught.value)) < 1_000
    assert "\n" not in str(caught.value)


def test_aliases_as_people_use_them_are_read():
    spec = parse_spec("name: x\nproxy: &d {name: sprites, image_size: 16}\ntarget: *d\nsearch: {objective: beta_vae}\n")
    assert spec.target is not None
    assert spec.target.options == {"image_size": 16}


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="&*a: -[]{}<>!|\n", max_size=80))
def test_any_tangle_of_aliases_ends(text):
    with pytest.raises(SelectdisError):
        parse_spec(text)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A finished study."""
    monkeypatch.setattr(batch_module, "run_jobs", lambda jobs, more, **o: run_jobs(jobs, more, n_jobs=1))
    sd.Study(tiny(), folder=tmp_path / "study").run()
    return tmp_path / "study"


def edit_record(folder, **changes):
    """Change the first record in the journal."""
    lines = (folder / "study.log").read_text().splitlines()
    for number, line in enumerate(lines):
        operation = json.loads(line)
        if any(key.startswith("run:") for key in operation.get("user_attr", {})):
            (key,) = operation["user_attr"]
            operation["user_attr"][key] |= changes
            lines[number] = json.dumps(operation)
            break
    (folder / "study.log").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    "candidate", ["../../../escaped", "/tmp/escaped", "a/../../b", "beta_vae-1-s0/../../x", 5, None]
)
def test_a_record_cannot_name_a_file_outside_the_folder(folder, candidate):
    edit_record(folder, candidate=candidate)
    before = sorted(path for path in folder.parent.rglob("*"))
    study = sd.Study(tiny(), folder=folder)
    assert len(study.records) == 7  # it is no record
    study.run()  # and so its run is read again
    assert len(study.records) == 8
    outside = [path for path in folder.parent.rglob("*") if path not in before and folder not in path.parents]
    assert outside == []


def test_ids_that_lead_elsewhere_are_refused(tmp_path):
    data = DataReference("../../x", '{"path": "../../y"}')
    assert "/" not in data.slug
    for path in (model_path, codes_path):
        with pytest.raises(SelectdisError, match="candidate's id"):
            path(tmp_path, data, "../../etc/passwd")


@pytest.mark.parametrize(
    "line",
    ["{}", "[]", "5", '{"op_code": "x", "worker_id": "w"}', "[" * 100_000,
     '{"op_code": 8, "worker_id": "w", "trial_id": 10000000, "user_attr": {}}', "\x00\x00", "NaN"],
)  # fmt: skip
def test_strange_lines_in_a_journal_change_nothing(folder, line):
    with open(folder / "study.log", "a") as file:
        file.write(line + "\n" + '{"op_code": 2, "worker_id": "w", "study_id": 0, "user_attr": {"a": 1}}\n')
    study = sd.Study(tiny(), folder=folder)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        study.run()
    assert len(study.records) == 8
    said = [str(warning.message) for warning in said]
    assert any("no operation" in one or ("is damaged" in one and line[0] in "[\x00") for one in said)


def test_an_operation_that_optuna_does_not_know_is_one_sentence(folder):
    with open(folder / "study.log", "a") as file:
        file.write('{"op_code": 99, "worker_id": "w"}\n')
    with pytest.raises(SelectdisError, match=r"line \d+: this version does not know its operation.*restore it"):
        sd.Study(tiny(), folder=folder).run()


def test_links_in_a_folder_overwrite_nothing(tmp_path):
    treasure = tmp_path / "treasure"
    treasure.write_text("precious")
    for name in ("driver.lock", "study.log"):
        folder = tmp_path / name.replace(".", "-")
        folder.mkdir()
        (folder / name).symlink_to(treasure)
        with pytest.raises(SelectdisError), driver_lock(folder):
            pass
        assert treasure.read_text() == "precious"
    with pytest.raises(SelectdisError, match="link"):
        open_journal(tmp_path / "study-log")


class Payload:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_pickles_in_the_place_of_files_are_never_opened(folder, tmp_path):
    owned = tmp_path / "owned"
    content = pickle.dumps(Payload(owned))
    study = sd.Study(tiny(), folder=folder)
    data = study.proxies()[0]
    candidates = list(study.records["candidate"])
    model_path(folder, data, candidates[0]).write_bytes(content)
    codes_path(folder, data, candidates[1]).write_bytes(content)
    np.save(codes_path(folder, data, candidates[2]), np.array([Payload(owned)], dtype=object), allow_pickle=True)
    (folder / "study.log").unlink()
    study = sd.Study(tiny(), folder=folder).run()
    assert len(study.records) == 8
    assert study.records["criterion.udr_lasso"].notna().all()
    assert not owned.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\x00" * 8, (2**62).to_bytes(8, "little") + b"{}", pickle.dumps({"a": 1}), b"\x80\x04",
        len(HUGE).to_bytes(8, "little") + HUGE,
        (14).to_bytes(8, "little") + b'{"a": [[[[[[[[' * 3,
    ],
)  # fmt: skip
def test_hostile_checkpoints_cost_a_warning(tmp_path, content):
    job = job_in(tmp_path)
    job.checkpoint.parent.mkdir(parents=True)
    job.checkpoint.write_bytes(content)
    job.checkpoint.with_suffix(".json").write_bytes(content)
    assert [len(planned.candidates) for planned in jobs_of(job.candidates, job, n_jobs=1)] == [1]
    with pytest.warns(UserWarning, match="checkpoint"):
        (record,) = run_cohort(job)
    assert record["status"] == "complete"


def test_a_checkpoint_of_other_candidates_costs_a_warning(tmp_path):
    job, other = job_in(tmp_path), job_in(tmp_path, seed=1)
    run_cohort(other)
    from selectdis.training import train_cohort

    job.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    train_cohort(other.candidates, other.data.load(), steps=2, device="cpu", checkpoint=job.checkpoint)
    with pytest.warns(UserWarning, match="other"):
        (record,) = run_cohort(job)
    assert (record["status"], record["seed"]) == ("complete", 0)


def job_in(folder, seed=0):
    study = sd.Study(tiny(), folder=folder)
    candidate = candidate_from(next(grid(study.spec.search)), study.spec, seed=seed)
    spec = study.spec
    return CohortJob((candidate,), study.proxies()[0], "proxy", spec.training, spec.evaluation, str(folder))


def test_a_stored_data_set_that_was_tampered_with_is_one_sentence(tmp_path):
    data = sd.load_dataset("sprites", image_size=16, sizes={"shape": 2, "scale": 2, "orientation": 1, "x": 4, "y": 4})
    reference = DataReference.of(data, folder=tmp_path)
    (images,) = tmp_path.rglob("images.npy")
    np.save(images, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(SelectdisError, match="cannot be read"):
        reference.load()


def test_spec_of_a_study_is_plain_yaml():
    assert yaml.safe_load(yaml.safe_dump(tiny())) == tiny()
