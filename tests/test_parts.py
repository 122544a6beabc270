"""A part of each kind is one new file and one line, and a study with two processes uses them all."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
FILES = {
    "metric": '''
import os, time
from pathlib import Path

from selectdis.metrics._registry import Metric


def dummy(codes, factors):
    """Return the process that scores, once a second one has begun."""
    processes = Path(os.environ["DUMMY_PROCESSES"])
    (processes / str(os.getpid())).touch()
    end = time.monotonic() + 90
    while len(list(processes.iterdir())) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    return float(os.getpid())


DUMMY = Metric("dummy", ("dummy",), dummy, lambda samples: {"dummy": dummy(samples.codes_train, 0)}, "none")
''',
    "criterion": """
from selectdis.criteria._registry import Criterion


def dummy(codes):
    return float(codes.shape[1])


DUMMY = Criterion("dummy", ("dummy",), dummy, lambda run: {"dummy": dummy(run.codes)}, "run", "none", (0.0, 9.0), True)
""",
    "objective": """
from selectdis.objectives._objective import Loss, Objective


def loss(batch, strengths):
    return Loss(batch.reconstruction + strengths["weight"] * batch.kl, {})


DUMMY = Objective("dummy", loss, {"weight": 1.0}, "weight", (1, 2), "none")
""",
    "data set": """
import numpy as np

from selectdis.data._dataset import ImageDataset
from selectdis.data._source import Source


def dummy(*, image_size=16):
    factors = np.stack(np.unravel_index(np.arange(48), (6, 8)), axis=1)
    images = np.zeros((48, 1, image_size, image_size), np.uint8)
    for image, (row, column) in zip(images, factors, strict=True):
        image[0, row : row + 4, column : column + 4] = 255
    return ImageDataset("dummy", images, ("row", "column"), (6, 8))


DUMMY = Source(load=dummy, summary="a square", licence="drawn")
""",
    "architecture": """
from dataclasses import replace

from selectdis.models._fc import FC

DUMMY = replace(FC, name="dummy", width=7)
""",
    "command": """
from pathlib import Path

from selectdis.cli._common import open_study


def DUMMY(file: Path, out: Path) -> None:
    study = open_study(file, None, None, 2)
    study.run().records.to_csv(out)
""",
}
STUDY = """
name: dummies
tracking: null
proxy: {name: dummy, image_size: 16}
search: {architecture: dummy, latents: 3, objective: {dummy: {weight: [1, 2]}}}
seeds: 4
training: {steps: 3, device: cpu}
evaluation: {metrics: [dummy], n_train: 20, n_test: 10, probe: 10}
select: {score: dummy}
"""


def add(part, root):
    """Add the dummy of a part as the table in CONTRIBUTING.md says."""
    row = next(line for line in (root / "CONTRIBUTING.md").read_text().splitlines() if line.startswith(f"| {part} |"))
    file, registry, init = re.match(rf"\| {part} \| `(\S+?)`.*?\| `(\w+)` in `(\S+?)`", row).groups()
    path = root / file.replace("<name>", "dummy")
    path.write_text(FILES[part])
    module = ".".join(path.relative_to(root).with_suffix("").parts)
    package = root / init
    entry = {"command": (r"(for command in \()", r"\1DUMMY, ")}
    begins, line = entry.get(part, (rf"(^{registry}\b[^\n]*\{{\n)", '\\1    "dummy": DUMMY,\n'))
    text, found = re.subn(begins, line, package.read_text(), count=1, flags=re.MULTILINE)
    assert found == 1, f"{init} has no registry {registry}"
    package.write_text(text.replace("\nfrom selectdis.", f"\nfrom {module} import DUMMY\nfrom selectdis.", 1))


@pytest.mark.slow
def test_a_dummy_of_each_kind_in_a_study_with_two_processes(tmp_path):
    shutil.copytree(ROOT / "selectdis", tmp_path / "selectdis", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "CONTRIBUTING.md", tmp_path)
    for part in FILES:
        add(part, tmp_path)
    (tmp_path / "study.yaml").write_text(STUDY)
    (processes := tmp_path / "processes").mkdir()
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "DUMMY_PROCESSES": str(processes)}
    main = "from selectdis.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", main, "dummy", "study.yaml", "records.csv"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    records = pd.read_csv(tmp_path / "records.csv")
    assert len(records) == 8
    assert records["metric.dummy"].nunique() == records["metric.dummy.sampled"].nunique() == 2  # processes
    for column, values in {
        "dataset": {"dummy"}, "objective": {"dummy"}, "architecture": {"dummy"}, "width": {7}, "status": {"complete"},
        "strength.weight": {1.0, 2.0}, "criterion.dummy": {3.0},
    }.items():  # fmt: skip
        for process, rows in records.groupby("metric.dummy"):
            assert set(rows[column]) <= values, f"{column} in process {process}"
