"""What the sections say about a study of few runs, whose scores can be followed by eye."""

import pytest

from selectdis.report._sections import all_sections
from selectdis.visualization import nats_label
from tests.visualization.made_up import make_records, make_snapshot, target_records

SMALL = {"objectives": ("beta_vae",), "strengths": 3, "seeds": 2}
MIG = "metric.mig"


@pytest.fixture(scope="module")
def sections():
    """Higher strengths are better on the proxy, and worse on the target; the pick there beats one of three others."""
    proxy, target = make_records("sprites", "proxy", **SMALL), target_records(labels=True, **SMALL)
    proxy[MIG] = [0.1, 0.1, 0.2, 0.2, 0.3, 0.4]
    target[MIG] = [0.9, 0.8, 0.6, 0.5, 0.1, 0.2]
    target["criterion.udr_lasso"] = [0.9, 0.9, 0.9, 0.9, 0.1, 0.2]
    target.loc[[0, 3], ["status", "failed_step"]] = ["diverged", 7]
    return all_sections(make_snapshot(proxy, [target], select={"score": "mig", "top": 1}))


def test_the_pick_beats_as_many_as_it_does(sections):
    assert sections["pick"]["label"] == "β-VAE β=4 · seed 1"
    facts = dict(sections["pick"]["facts"])
    assert facts["of the 3 other runs on digits it beats"] == "33%"
    assert facts["MIG"] == "0.200"
    numbers = [name for _, name in sections["numbers"]["facts"]]
    assert sections["numbers"]["facts"][numbers.index("lost")] == ("2", "lost")


def test_strips_come_by_falling_kl(sections):
    for strips in (sections["pick"]["strips"], sections["latents"]["groups"][0]["runs"][0]["strips"]):
        kl = [float(strip["kl"].removeprefix("< ")) for strip in strips]
        assert kl == sorted(kl, reverse=True)
    assert len(sections["pick"]["strips"]) == 5
    assert len({strip["image"] for strip in sections["latents"]["groups"][0]["runs"][0]["strips"]}) == 6


def test_the_pick_is_marked(sections):
    groups = {group["dataset"]: group["runs"] for group in sections["latents"]["groups"]}
    assert [run["label"] for run in groups["digits"] if run["picked"]] == ["β-VAE β=4 · seed 1"]
    assert not [run for run in groups["sprites"] if run["picked"]]
    boards = {board.title: board for board in sections["boards"]["boards"]}
    runs = boards["digits: runs"]
    assert [row[1].text for row, picked in zip(runs.rows, runs.picked, strict=True) if picked] == ["β-VAE β=4 · seed 1"]
    notes = dict(runs.columns)
    assert (notes["UDR (lasso)"], notes["reconstruction"]) == ("higher is better", "nats, lower is better")


def test_the_transfer_has_a_rank_correlation(sections):
    (figure,) = sections["transfer"]["figures"]
    assert figure["text"].startswith("MIG on digits against MIG on sprites: 3 configurations")
    assert figure["text"].endswith("rank correlation -1.00 (too few to tell).")


def test_correlations_have_a_colour_for_each_sign(sections):
    maps = sections["agreement"]["datasets"][0]["maps"]
    cells = [cell for _, map in maps for _, row in map.rows for cell in row]
    assert ("1.00", "high", 100) in cells
    assert {kind for text, kind, _ in cells if text.startswith("−") and text != "−0.00"} == {"low"}


def test_every_lost_run_is_listed(sections):
    rows = [(row["label"], row["dataset"], row["status"], row["step"]) for row in sections["failures"]["rows"]]
    assert rows == [
        ("β-VAE β=1 · seed 0", "digits", "diverged", "7"),
        ("β-VAE β=2 · seed 1", "digits", "diverged", "7"),
    ]


def test_few_runs_have_a_figure_per_objective_and_data_set(sections):
    texts = [figure["text"] for figure in sections["strengths"]["figures"]]
    assert texts == [
        "MIG of 6 runs of β-VAE at 3 strengths, on sprites",
        "MIG of 4 runs of β-VAE at 3 strengths, on digits",
    ]


def test_a_kl_below_the_limit_is_not_written_as_the_limit():
    assert [nats_label(kl) for kl in (1.234, 0.01, 0.008)] == ["1.23", "0.01", "< 0.01"]
