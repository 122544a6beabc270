"""Values of another kind in a study's journal and files: made again and said, or one sentence; never a traceback."""

import json
import shutil
import warnings

import numpy as np
import pytest

import selectdis as sd
import selectdis.study._batch as batch_module
from selectdis.errors import SelectdisError
from selectdis.execution._study_jobs import run_jobs
from selectdis.study._listener import Listeners
from selectdis.visualization import take_snapshot
from tests.study.fakes import fake_work, spec

SPEC = spec(
    search={"objective": {"beta_vae": {"beta": [1, 2]}}, "latents": [4]},
    seeds=2,
    select={"score": "mig", "top": 1, "seeds": 2},
    evaluation={"probe": 50, "metrics": ["mig"]},
)
KL = "kl_per_latent"
ODD = {  # column of a record -> what it may not hold
    "candidate": [5, None, "../../x", "beta_vae-1-s9", []],
    "configuration": [5, [], {}, None],  # follows from the candidate
    "dataset": [5, None, [], {"a": 1}],
    "objective": [5, ["x"]],
    "architecture": [5, {}],
    "status": ["weird", None, 3, []],
    "seed": ["0", -1, 1.5, None, 7, True],
    "latents": ["4", -1, 10**30, None, 5, [4]],
    "steps": ["x", 2.5],
    "strength": ["x", [], True],
    "strength.beta": [{}, "1"],
    "seconds": ["x", []],
    "error": [5, []],
    "metric.mig": ["abc", [], {}, True, 10**400, "NaN", [[0.5]]],
    "criterion.active_units": ["x", [1.0], {"a": 1}],
    KL: ["x", [], [1.0], [[1.0] * 4], {"a": 1}, None, ["a"] * 4, [None] * 4, [1.0] * 400, 3, [float("nan")] * 4],
    "something new": [{}, []],
}
RECORDS = [(column, value) for column, values in ODD.items() for value in values]
WHOLE_RECORDS = [5, [], "x", None, {}, [{}]]
ATTRIBUTES = [  # of the study on the proxy
    *(("pool_criteria", value) for value in (5, [], "x", {"a": 1}, {"a": {}}, {"beta_vae-1-s0": {"criterion.x": "y"}})),
    *(("fixed", value) for value in (5, [], {"training": 5}, {"training": {"steps": []}}, {"evaluation": None})),
]
REFERENCES = [  # of the study on the target
    *(5, "[]", "{", '{"name": 5}', '{"name": "digits", "options": "[]"}', '{"name": "digits", "options": 5}'),
    '{"name": "digits", "options": "{\\"name\\": 1}"}', '{"name": "digits", "options": "{\\"path\\": 7}"}',
    *('{"name": "x", "stored": 5}', '{"name": "x", "stored": "/etc"}', '{"name": "x", "stored": "../.."}'),
]  # fmt: skip
OPERATIONS = [  # operation -> what is changed in it
    (4, {"study_id": "x"}), (4, {"study_id": -1}), (4, {"datetime_start": 5}), (4, {"datetime_start": "yesterday"}),
    (4, {"system_attrs": 5}), (4, {"system_attrs": {"fixed_params": 5}}), (4, {"user_attrs": []}), (4, {"state": 77}),
    (4, {"system_attrs": {"fixed_params": {"objective": []}}}), (4, {"user_attrs": {"copy_of": "x"}}),
    (4, {"user_attrs": {"copy_of": 10**9}}), (4, {"user_attrs": {"run:x": 1}}), (4, {"values": ["a"]}),
    (5, {"param_name": 5}), (5, {"param_value_internal": "x"}), (5, {"distribution": "x"}), (5, {"distribution": "{}"}),
    (5, {"distribution": 5}), (6, {"state": "x"}), (6, {"state": 99}), (6, {"values": ["a"]}), (6, {"values": 5}),
    (6, {"datetime_complete": 7}), (7, {"step": "x"}), (7, {"intermediate_value": "x"}), (7, {"trial_id": []}),
    (8, {"user_attr": 5}), (8, {"user_attr": {}}), (0, {"directions": []}), (0, {"directions": ["up"]}),
    (0, {"study_name": 5}), (2, {"user_attr": [1]}), (3, {"system_attr": None}),
]  # fmt: skip
HEADER = "{'descr': %r, 'fortran_order': False, 'shape': %s, }"


def npy(descr, shape, content=b""):
    """A .npy file that says what it likes."""
    header = (HEADER % (descr, shape)).encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


CODES = [
    *(b"", b"\x93NUMPY", npy("<f4", "(1000000000000, 4)"), npy("<f4", "(50, 4)"), npy("<f4", "(-1, 4)")),
    *(
        npy("|O", "(50, 4)"),
        npy([("a", "<f4"), ("b", "<f4")], "(50, 4)", bytes(1600)),
        npy("<f4", "(200,)", bytes(800)),
    ),
    *(npy("<f4", "(40, 5)", bytes(800)), npy("<f4", "(50, 3)", bytes(600)), npy("<i8", "(50, 4)", bytes(1600))),
    *(npy("<c8", "(50, 4)", bytes(1600)), npy("<f4", "(50, 4)", b"\xff" * 800), npy("<U1", "(50, 4)", bytes(800))),
    *(npy("<f4", "(0, 4)"), npy("<f4", "(7, 4)", bytes(112)), b"{'shape': " + b"[" * 10_000),
]


@pytest.fixture(scope="module", autouse=True)
def no_training():
    """Made-up runs, and no backtest of each pick: seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_module, "run_jobs", lambda jobs, more, **o: run_jobs(jobs, more, n_jobs=1, work=fake_work))
        patch.setattr(Listeners, "picked", lambda *_: None)
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("damaged") / "study"
    sd.Study(SPEC, folder=folder).run().transfer()
    return folder


@pytest.fixture
def folder(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "study")
    return tmp_path / "study"


def edit(folder, change):
    """Write the journal anew with each operation as `change` makes it."""
    path = folder / "study.log"
    operations = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(change(one) or one) + "\n" for one in operations))


def first(op_code, condition=lambda operation: True):
    """Give a test of operations that holds for the first one of a kind."""
    seen = []

    def is_first(operation):
        if operation["op_code"] == op_code and condition(operation) and not seen:
            seen.append(operation)
            return True
        return False

    return is_first


def outcome(action):
    """What `action` gives and says; of an error its one sentence."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = action()
        except SelectdisError as error:
            result = error
    assert "\n" not in str(result if isinstance(result, SelectdisError) else "")
    return result, " | ".join(str(one.message) for one in caught)


def all_commands(folder, drawn=False):
    """Call what reads a study, then what goes on with it; give the records and what was said in the end."""
    study = sd.Study(SPEC, folder=folder)
    outcome(study.leaderboard)
    outcome(study.transfers)
    if drawn:
        outcome(lambda: take_snapshot(study))
    ran, _ = outcome(lambda: sd.Study(SPEC, folder=folder).run())
    outcome(lambda: sd.Study(SPEC, folder=folder).transfer())
    records, said = outcome(lambda: sd.Study(SPEC, folder=folder).records)
    return ran, records, said


@pytest.mark.parametrize(("column", "value"), RECORDS, ids=lambda value: f"{value!r:.30}")
def test_a_damaged_record_is_made_again_and_said(folder, column, value):
    chosen = first(8, lambda operation: "run:0" in operation["user_attr"])

    def change(operation):
        if chosen(operation):
            operation["user_attr"]["run:0"][column] = value

    edit(folder, change)
    before, said = outcome(lambda: sd.Study(SPEC, folder=folder).records)
    assert len(before) == (4 if column == "configuration" else 3)
    assert column == "configuration" or "makes it again" in said
    ran, records, said = all_commands(folder, drawn=column in ("metric.mig", KL))
    assert isinstance(ran, sd.Study), ran
    assert len(records) == 4
    assert "makes it again" not in said
    assert records["metric.mig"].between(0, 1).all()


@pytest.mark.parametrize("value", WHOLE_RECORDS, ids=repr)
def test_what_is_no_record_is_made_again(folder, value):
    chosen = first(8, lambda operation: "run:0" in operation["user_attr"])
    edit(folder, lambda operation: operation | {"user_attr": {"run:0": value}} if chosen(operation) else None)
    ran, records, _ = all_commands(folder)
    assert isinstance(ran, sd.Study)
    assert len(records) == 4


@pytest.mark.parametrize(("name", "value"), ATTRIBUTES, ids=lambda value: f"{value!r:.40}")
def test_damaged_attributes_of_a_study(folder, name, value):
    chosen = first(2, lambda operation: name in operation["user_attr"])
    edit(folder, lambda operation: operation | {"user_attr": {name: value}} if chosen(operation) else None)
    ran, records, _ = all_commands(folder, drawn=True)
    if name == "pool_criteria" or not isinstance(value, dict):
        assert isinstance(ran, sd.Study)
        assert records["criterion.udr_lasso"].notna().all()
    else:
        assert "was made with another" in str(ran)


@pytest.mark.parametrize("value", REFERENCES)
def test_damaged_references_to_data(folder, value):
    def change(operation):
        if operation["op_code"] == 2 and "digits" in str(operation["user_attr"].get("data")):
            return operation | {"user_attr": {"data": value}}
        return None

    edit(folder, change)
    study = sd.Study(SPEC, folder=folder)
    transfers, said = outcome(study.transfers)
    assert isinstance(transfers, SelectdisError) or said or len(transfers) == 1
    outcome(lambda: take_snapshot(study))
    assert sd.Study(SPEC, folder=folder).transfer().pick is not None


@pytest.mark.parametrize(("op_code", "changes"), OPERATIONS, ids=lambda value: f"{value!r:.40}")
def test_operations_that_are_none_cost_what_follows_them(folder, op_code, changes):
    chosen = first(op_code)
    edit(folder, lambda operation: operation | changes if chosen(operation) else None)
    _, said = outcome(lambda: sd.Study(SPEC, folder=folder).records)
    assert "is damaged" not in said  # it is told apart from damage
    ran, records, said = all_commands(folder)
    assert isinstance(ran, sd.Study), ran
    assert len(records) == 4
    assert said == ""


@pytest.mark.parametrize("content", CODES, ids=lambda value: f"{value!r:.40}")
def test_codes_that_are_none_are_made_again_or_left_out(folder, content):
    (codes,) = {path.parent for path in folder.glob("codes/sprites*/*.npy")}
    path = sorted(codes.iterdir())[0]
    path.write_bytes(content)
    chosen = first(2, lambda operation: "pool_criteria" in operation["user_attr"])
    edit(folder, lambda operation: operation | {"user_attr": {"other": 1}} if chosen(operation) else None)
    _, said = outcome(sd.Study(SPEC, folder=folder).run)
    assert f"the codes of {path.stem} cannot be read" in said  # fake runs have no model to make them again from
    records, _ = outcome(lambda: sd.Study(SPEC, folder=folder).records)
    assert records["criterion.udr_lasso"].notna().sum() == 3


def test_a_reader_mends_a_journal_as_a_driver_does(folder):
    path = folder / "study.log"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:10], b"{torn\n", *lines[10:]]))
    records, said = outcome(lambda: sd.Study(SPEC, folder=folder).records)
    assert "line 11 is damaged" in said
    assert len(records) < 4
    assert path.read_bytes() == b"".join(lines[:10])
    assert (folder / "study.log.damaged").exists()


def test_a_reader_leaves_a_journal_alone_while_a_driver_is_at_it(folder):
    from selectdis.study.persistence._folder import driver_lock

    path = folder / "study.log"
    with driver_lock(folder):
        with open(path, "ab") as file:
            file.write(b'{"op_code": 2, "wor')  # half a line: the driver is writing
        content = path.read_bytes()
        records, said = outcome(lambda: sd.Study(SPEC, folder=folder).records)
        assert (len(records), said) == (4, "")
        assert path.read_bytes() == content


def test_a_line_that_is_no_operation_is_told_by_its_number(folder):
    path = folder / "study.log"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:16], '{"hello": 1}\n', *lines[16:]]))
    _, said = outcome(lambda: sd.Study(SPEC, folder=folder).records)
    assert "line 17 is no operation of a study journal" in said
    np.testing.assert_equal(len(sd.Study(SPEC, folder=folder).run().records), 4)
