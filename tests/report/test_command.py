"""The command on a real study, with trained runs."""

import subprocess
import sys
from pathlib import Path

import yaml

from selectdis.study import Study
from tests.report.test_page import checked

SPEC = {
    "name": "small",
    "proxy": {"name": "sprites", "image_size": 16, "sizes": {"shape": 3, "scale": 2, "orientation": 1, "x": 5, "y": 5}},
    "target": {"name": "digits", "image_size": 16},
    "search": {"architecture": "fc", "width": 16, "latents": 3, "objective": {"beta_vae": {"beta": [1, 2]}}},
    "seeds": 2,
    "training": {"steps": 30, "curve_every": 10},
    "evaluation": {"metrics": ["mig"], "n_train": 200, "n_test": 100, "probe": 100},
    "select": {"top": 2, "seeds": 2},
    "tracking": "none",
}


def test_report_and_figures_of_a_real_study(tmp_path):
    study = Study(SPEC, folder=tmp_path / "runs" / "small", n_jobs=1)
    study.run()
    study.transfer()
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(SPEC))
    command = [str(Path(sys.executable).with_name("selectdis")), "report", "small.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    page = checked((tmp_path / "runs" / "small" / "report.html").read_text(encoding="utf-8"))
    assert "Picked on digits" in page
    assert page.count("data:image/png") > 20  # traversals and reconstructions of the trained runs
    assert study.plot.curves("kl").axes[0].lines
    assert study.plot.traversals().size == study.plot.traversals(dataset="digits").size
    assert study.plot.importance(study.records["candidate"].iloc[0]) is not None

    blocked = tmp_path / "a file"
    blocked.write_text("")
    done = subprocess.run([*command, "--out", str(blocked / "x.html")], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert "cannot write the report" in done.stderr
