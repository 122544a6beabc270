"""Parts from other packages: found, known to every worker, and never imported for a folder."""

import os
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager

import pandas as pd
import pytest
import yaml

from selectdis import Candidate, SelectdisError, Study, _plugins
from selectdis.metrics import GROUPS, METRICS, SCORES, Metric
from selectdis.spec import read_spec

PARTS = '''
"""A part of each kind."""

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

import selectdis as sd
from selectdis.criteria import Criterion
from selectdis.data import ImageDataset, Source
from selectdis.metrics import Metric
from selectdis.models import ARCHITECTURES as KNOWN
from selectdis.objectives import Loss, Objective


def process(codes, factors):
    """Return the process that scores, once a second one has begun; a driver that measures the time waits in vain."""
    folder = Path(os.environ["PARTS_PROCESSES"])
    (folder / str(os.getpid())).touch()
    end = time.monotonic() + 90
    while len(list(folder.iterdir())) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    return float(os.getpid())


def worth(samples):
    return {"worth": process(samples.codes_train, samples.factors_train)}


def breadth(run):
    return {"breadth": float(run.codes.shape[1])}


def loss(batch, strengths):
    return Loss(batch.reconstruction + strengths["weight"] * batch.kl, {})


def square(*, image_size=16):
    factors = np.stack(np.unravel_index(np.arange(48), (6, 8)), axis=1)
    images = np.zeros((48, 1, image_size, image_size), np.uint8)
    for image, (row, column) in zip(images, factors, strict=True):
        image[0, row : row + 4, column : column + 4] = 255
    return ImageDataset("square", images, ("row", "column"), (6, 8))


class Diary(sd.Listener):
    def __init__(self, folder):
        self.path = Path(folder) / "diary.txt"

    def run_finished(self, study, stage, record, run):
        with self.path.open("a") as file:
            file.write(record["candidate"] + "\\n")


WORTH = Metric("worth", ("worth",), process, worth, "none")
BREADTH = Criterion("breadth", ("breadth",), breadth, breadth, "run", "none", (0.0, 9.0), True)
WEIGHED = Objective("weighed", loss, {"weight": 1.0}, "weight", (1, 2), "none")
SQUARE = Source(load=square, summary="a square", licence="drawn")
SLIM = replace(KNOWN["fc"], name="slim", width=7)
'''
DICTS = """
METRICS = {"worth": WORTH}
CRITERIA = {"breadth": BREADTH}
OBJECTIVES = {"weighed": WEIGHED}
DATASETS = {"square": SQUARE}
ARCHITECTURES = {"slim": SLIM}
LISTENERS = {"diary": Diary}
"""
ENTRY_POINTS = """
[selectdis.metrics]
worth = partners:WORTH
[selectdis.criteria]
breadth = partners:BREADTH
[selectdis.objectives]
weighed = partners:WEIGHED
[selectdis.datasets]
square = partners:SQUARE
[selectdis.architectures]
slim = partners:SLIM
[selectdis.listeners]
diary = partners:Diary
"""
STUDY = {
    "name": "parts",
    "tracking": "diary",
    "proxy": {"name": "square", "image_size": 16},
    "search": {"architecture": "slim", "latents": 3, "objective": {"weighed": {"weight": [1, 2]}}},
    "seeds": 4,
    "training": {"steps": 3, "device": "cpu"},
    "evaluation": {"metrics": ["worth"], "criteria": ["breadth"], "n_train": 20, "n_test": 10, "probe": 10},
    "optimise": "worth",
    "select": {"score": "worth", "run": "breadth"},
}


def selectdis(*arguments, cwd, path=()):
    (processes := cwd / "processes").mkdir(exist_ok=True)
    paths = os.pathsep.join(map(str, [*path, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]))
    return subprocess.run(
        [sys.executable, "-m", "selectdis", *map(str, arguments)],
        cwd=cwd, env=os.environ | {"PYTHONPATH": paths, "PARTS_PROCESSES": str(processes)},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def beside_the_file(folder):
    """A study file with a module of parts beside it."""
    folder.mkdir()
    (folder / "partners.py").write_text(PARTS + DICTS)
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY | {"plugins": ["partners"]}))
    return folder


def as_a_package(folder):
    """A study file, and a folder that holds what pip leaves of a package with entry points."""
    (site := folder / "site" / "partners-1.0.dist-info").mkdir(parents=True)
    (site / "METADATA").write_text("Metadata-Version: 2.1\nName: partners\nVersion: 1.0\n")
    (site / "entry_points.txt").write_text(ENTRY_POINTS)
    (site.parent / "partners.py").write_text(PARTS)
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    return folder


def check(folder, records):
    """That all runs were trained and scored with the parts, in two processes."""
    assert len(records) == 8
    assert records["metric.worth"].nunique() == 2
    for column, values in {
        "dataset": {"square"}, "objective": {"weighed"}, "architecture": {"slim"}, "width": {7},
        "status": {"complete"}, "strength.weight": {1.0, 2.0}, "criterion.breadth": {3.0},
    }.items():  # fmt: skip
        assert set(records[column]) <= values, column
    assert len(set((folder / "runs" / "parts" / "diary.txt").read_text().split())) == 8


@pytest.fixture(scope="module")
def plugged(tmp_path_factory):
    """A study that ran with a module beside its file, in two processes."""
    folder = beside_the_file(tmp_path_factory.mktemp("plugged") / "study")
    done = selectdis("run", "study.yaml", "-q", "--jobs", 2, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_two_processes_know_the_parts_of_a_plugin(plugged):
    study = Study.from_file(plugged / "study.yaml", folder=plugged / "runs" / "parts", plugins=False)
    check(plugged, study.records)


@pytest.mark.slow
def test_two_processes_know_the_parts_of_an_installed_package(tmp_path):
    folder = as_a_package(tmp_path)
    site = [folder / "site"]
    done = selectdis("run", "study.yaml", "-q", "--jobs", 2, cwd=folder, path=site)
    assert done.returncode == 0, done.stderr
    check(folder, run_study_records(folder, site))


def run_study_records(folder, path):
    """The records, read where the package is installed."""
    code = "import selectdis as sd; sd.Study.from_file('study.yaml').records.to_csv('records.csv')"
    paths = os.pathsep.join(map(str, [*path, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]))
    environment = os.environ | {"PYTHONPATH": paths}
    subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, check=True, timeout=300)
    return pd.read_csv(folder / "records.csv")


@contextmanager
def dask_cluster(folder, workers=2):
    """A scheduler and workers that have been told nothing of any plugin."""
    file = folder / "scheduler.json"
    environment = os.environ | {"PARTS_PROCESSES": str(folder / "processes")}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment, "cwd": folder.parent}
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--scheduler-file", str(file), "--port", "0"]
    started = [subprocess.Popen([*command, "--no-dashboard", "--host", "127.0.0.1"], **quiet)]
    for _ in range(workers):
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard"]
        command = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(file), *options]
        started.append(subprocess.Popen(command, **quiet))
    try:
        end = time.monotonic() + 60
        while not file.exists() and time.monotonic() < end:
            time.sleep(0.1)
        yield yaml.safe_load(file.read_text())["address"]
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()


@pytest.mark.slow
def test_workers_of_a_dask_cluster_know_the_parts_of_a_plugin(tmp_path):
    pytest.importorskip("distributed")
    folder = beside_the_file(tmp_path / "study")
    (folder / "processes").mkdir()
    with dask_cluster(folder) as address:
        done = selectdis("run", "study.yaml", "-q", "--scheduler", address, cwd=folder)
    assert done.returncode == 0, done.stderr
    check(folder, Study.from_file(folder / "study.yaml", folder=folder / "runs" / "parts", plugins=False).records)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("leaderboard", "not imported for a folder: breadth, worth can be shown as recorded, and not computed again"),
        ("report", "written: "),
        ("ui", "does not exist: run the study first"),  # it tracks itself in a diary
        ("run", "needs the plugins partners, which are imported for a study file alone"),
        ("transfer", "needs the plugins partners, which are imported for a study file alone"),
        ("track", "MLflow"),
    ],
)
def test_a_folder_is_read_and_its_plugin_never_imported(plugged, command, said):
    study = plugged / "runs" / "parts"
    trap = "from pathlib import Path\nPath('trapped').touch()\n"
    for place in (study, plugged):
        (place / "partners.py").rename(place / "kept.txt") if (place / "partners.py").exists() else None
        (place / "partners.py").write_text(trap)
    try:
        done = selectdis(command, study, *(["--target", "digits"] if command == "transfer" else []), cwd=plugged)
        assert not list(plugged.rglob("trapped")), f"{command} imported what the folder names"
        assert done.returncode == (2 if command in ("ui", "run", "transfer") else 0), done.stderr
        assert said in " ".join((done.stdout + done.stderr).split())
    finally:
        (study / "partners.py").unlink()
        (plugged / "kept.txt").rename(plugged / "partners.py")


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a module and a study file that names it; nothing stays of either."""
    before = {name: dict(registry.parts) for name, registry in _plugins._REGISTRIES.items()}
    modules, owners, imported = dict(_plugins._MODULES), dict(_plugins._OWNERS), set(sys.modules)

    def written(text, name="my_parts", **study):
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
        content = {"name": "tiny", "proxy": "sprites", "search": {"objective": "beta_vae"}, "plugins": name} | study
        (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(content))
        return tmp_path / "tiny.yaml"

    yield written
    for name, registry in _plugins._REGISTRIES.items():
        registry.parts.clear()
        registry.parts.update(before[name])
    for state, old in ((_plugins._MODULES, modules), (_plugins._OWNERS, owners)):
        state.clear()
        state.update(old)
    for name in set(sys.modules) - imported:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


MIG_COPY = """
from dataclasses import replace
from selectdis.metrics import METRICS as KNOWN
METRICS = {{"{name}": replace(KNOWN["mig"], name="{called}", produces=("{score}",))}}
"""


def metric(name, called=None, score=None):
    return MIG_COPY.format(name=name, called=called or name, score=score or name)


def test_a_part_is_known_in_all_that_is_made_of_the_registry(write):
    path = write(metric("mine"), select={"score": "mine"}, optimise="mine", evaluation={"metrics": ["mine"]})
    for _ in range(2):  # a second time changes nothing
        assert read_spec(path).select.score == "mine"
    assert isinstance(SCORES["mine"], Metric)
    assert "mine" in GROUPS["fast"]
    assert _plugins.loaded() == (("my_parts", str(path.parent)),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (metric("mig", score="mine"), "the name 'mig' among metrics is taken by selectdis itself"),
        (metric("mine", called="other", score="mine"), "'mine' of metrics calls itself 'other'"),
        (metric("mine", score="sap"), "the score 'sap' of 'mine' is taken by 'sap' of metrics"),
        (metric("mine", score="elbo"), "the score 'elbo' of 'mine' is taken by 'elbo' of criteria"),
        ("METRICS = {'mine': 3}", "'mine' among metrics must be a Metric, found 3"),
        ("METRICS = [3]", "METRICS of the plugin my_parts must map names to parts, found [3]"),
        ("import nowhere_at_all", "the plugin my_parts cannot be imported (ModuleNotFoundError: No module named"),
        ("raise SystemExit(0)", "the plugin my_parts cannot be imported (SystemExit: 0)"),
        ("x = 1", "brings no part: it needs a dict, one of"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_one_sentence(write, text, said):
    path, known = write(text), dict(METRICS)
    with pytest.raises(SelectdisError) as refused:
        read_spec(path)
    assert "tiny.yaml, line 2: plugins: " in str(refused.value)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert known == METRICS


def test_nothing_of_a_plugin_stays_where_one_part_is_refused(write):
    text = metric("mine") + "METRICS['mig'] = METRICS['mine']"
    with pytest.raises(SelectdisError, match="'mig'"):
        read_spec(write(text))
    assert "mine" not in METRICS


def test_a_module_that_another_one_hides_is_refused(write):
    with pytest.raises(SelectdisError, match="another module of that name is loaded"):
        read_spec(write(metric("mine"), name="json"))


def test_the_name_of_a_plugin_is_one(write):
    with pytest.raises(SelectdisError, match=r"a plugin is the name of a module, such as my_parts, found '../evil'"):
        read_spec(write("x = 1", plugins=["../evil"]))


def test_without_leave_names_are_taken_as_they_are_and_nothing_is_imported(write, tmp_path):
    path = write("raise RuntimeError", search={"objective": {"mine": {"own": [1]}}, "architecture": "theirs"})
    spec = read_spec(path, plugins=False)
    assert list(spec.search.objective) == ["mine"]
    with pytest.raises(SelectdisError, match="needs the plugins my_parts"):
        Study.from_file(path, folder=tmp_path / "study", plugins=False).run()
    with pytest.raises(SelectdisError, match="must be one of"):
        Candidate("mine")


def test_a_broken_installed_package_costs_a_warning_alone(monkeypatch):
    from importlib.metadata import EntryPoint

    broken = EntryPoint("mine", "nowhere_at_all:MINE", "selectdis.metrics")
    monkeypatch.setattr(_plugins, "entry_points", lambda group: [broken])
    monkeypatch.setattr(_plugins, "_INSTALLED", set())
    with pytest.warns(UserWarning, match="the plugin nowhere_at_all:MINE cannot be imported"):
        _plugins.installed("metrics")
