"""The report of a table of records: somebody else's, large, with nothing trained here."""

import numpy as np
import pandas as pd
import pytest

from selectdis.errors import SelectdisError
from selectdis.report import render
from selectdis.report._sections import all_sections
from selectdis.visualization import snapshot_of_records
from tests.visualization.made_up import make_records, target_records


def test_a_table_of_records_has_a_page(tmp_path, call):
    few = {"objectives": ("beta_vae",), "strengths": 4, "seeds": 2}
    table = pd.concat([target_records(**few), make_records("sprites", "proxy", **few)])
    table.drop(columns="candidate").to_csv(tmp_path / "mine.csv.gz", index=False)
    said = call("report", "mine.csv.gz")
    assert said.code == 0, said.err
    page = (tmp_path / "mine.html").read_text(encoding="utf-8")
    assert "Best on the proxy sprites" in page
    assert "nothing is picked" in page
    assert "udr_lasso" not in page.partition("<main>")[2]  # names, not columns
    assert "UDR (lasso)" in page
    assert "says nothing of the study" in page


def test_what_is_no_record_is_refused(tmp_path, call):
    pd.DataFrame({"a": [1]}).to_csv(tmp_path / "a.csv", index=False)
    assert "dataset" in call("report", "a.csv").refusal


def test_six_hundred_runs_stay_small():
    records = make_records("sprites", "proxy", strengths=6, seeds=17)
    assert len(records) >= 600
    assert len(render(snapshot_of_records(records, "large")).encode()) < 3e6


@pytest.mark.parametrize("gone", ["objective", "strength", "seed", "status", "metric", "everything"])
def test_a_table_that_lacks_something_has_a_page_that_says_so(gone):
    records = make_records("sprites", "proxy", strengths=3, seeds=2)
    if gone == "everything":
        records = records.assign(status="diverged")
    columns = [name for name in records if name == gone or name.startswith(f"{gone}.")]
    sections = all_sections(snapshot_of_records(records.drop(columns=columns), "poor"))
    assert bool(sections["strengths"]["missing"]) == (gone in ("objective", "strength", "everything"))
    unlabelled = "No run here has labels that a target could be compared by."
    assert (sections["transfer"]["missing"] == unlabelled) == (gone in ("metric", "everything"))


def test_correlations_of_few_runs_are_not_drawn():
    records = make_records("sprites", "proxy", objectives=("beta_vae",), strengths=2, seeds=2)
    (dataset,) = all_sections(snapshot_of_records(records, "few"))["agreement"]["datasets"]
    assert dataset["maps"] == []
    assert dataset["why"] == "sprites has 4 finished runs, and a rank correlation needs 5"


def test_constant_factors_and_empty_latents_are_said(sections):
    (group,) = [g for g in sections["latents"]["groups"] if g["dataset"] == "sprites"]
    said = group["runs"][0]["left_out"]
    assert "scale, orientation: the same in all images" in said
    assert "scale" not in group["runs"][0]["importance"].columns
    with pytest.raises(SelectdisError, match="configuration"):
        snapshot_of_records(pd.DataFrame({"dataset": ["x"], "metric.mig": [np.nan]}), "x")
