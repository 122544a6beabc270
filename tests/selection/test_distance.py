"""How far images without labels are from the evidence, and what is said of trust."""

import numpy as np
import pytest

import selectdis as sd
from selectdis.data import ImageDataset
from selectdis.data._statistics import STATISTICS, image_statistics
from selectdis.selection import parse_rule
from selectdis.selection._trust import never_backtested, trust_of_evidence
from selectdis.selection.archive import _distance as distance_module
from selectdis.selection.archive._distance import distance_to, published_statistics

PART = "dense16"
RULE = parse_rule("win_rate > udr_lasso @ 3")


def squares(size=16, n=200, channels=1):
    rng = np.random.default_rng(0)
    images = np.zeros((n, channels, size, size), np.uint8)
    for image, (row, column) in zip(images, rng.integers(8, size=(n, 2)) * size // 16, strict=True):
        image[:, row : row + size // 4, column : column + size // 4] = 200
    return ImageDataset("squares", images)


def test_statistics_do_not_depend_on_the_size_of_pictures():
    small, large = image_statistics(squares(16)), image_statistics(squares(64))
    assert set(small) == {name for names in STATISTICS.values() for name in names}
    for name, value in small.items():  # edges are sharper where there are more pixels
        assert large[name] == pytest.approx(value, abs=0.3), (
            name
        )  # edges of blocks are sharper where there are more pixels
    assert small == pytest.approx(image_statistics(squares(16, channels=3)), abs=1e-6)


def test_every_data_set_of_the_evidence_has_statistics():
    table = sd.evidence()
    known = published_statistics().index
    assert {(part, name) for part, name in zip(table["part"], table["dataset"], strict=True)} <= {*known}


def test_near_and_far_are_told_apart():
    known = published_statistics().loc[PART]
    near = distance_to(PART, known.loc["textures"].to_dict(), rule=RULE, name="new")
    assert near.nearest.index[0] == "textures"
    assert near.nearest.iloc[0] == 0
    assert not near.beyond
    assert "within that" in str(near)
    assert "rank correlation" in str(near)
    stripes = np.zeros((100, 3, 16, 16), np.uint8)
    stripes[::2, 0, :, ::2] = stripes[1::2, 2, :, 1::2] = 255  # every second column red, or blue
    far = distance_to(PART, image_statistics(ImageDataset("stripes", stripes)))
    assert far.beyond
    assert "nothing was tried so far away" in str(far)
    assert "rank correlation" not in str(far)


def test_its_own_family_does_not_count(monkeypatch):
    known = published_statistics().loc[PART]
    own = distance_to(PART, known.loc["sprites"].to_dict(), name="sprites")
    assert own is None or not {"sprites", "color_dsprites", "noisy_dsprites"} & {*own.nearest.index}
    assert (
        distance_to("conv32", known.loc["textures"].to_dict()) is None or sd.evidence("conv32")["family"].nunique() > 1
    )
    monkeypatch.setattr(distance_module, "published_statistics", lambda: published_statistics().iloc[:0])
    assert distance_to(PART, known.loc["textures"].to_dict()) is None


def test_runs_that_trained_as_on_one_data_set_are_near_to_it():
    table = sd.evidence(PART)
    runs = table[table["dataset"] == "scenes"].assign(numbers=16 * 16 * 3, dataset="new")
    runs["numbers"] = table["channels"][runs.index] * 16 * 16
    known = published_statistics().loc[PART]
    both = distance_to(PART, known.loc["scenes"].to_dict(), runs)
    assert both.profiles
    assert both.nearest.index[0] == "scenes"
    assert both.nearest.iloc[0] == pytest.approx(0, abs=1e-6)
    alone = distance_to(PART, known.loc["textures"].to_dict(), runs)
    assert alone.nearest["scenes"] < distance_to(PART, known.loc["textures"].to_dict()).nearest["scenes"]


def test_the_worth_that_distance_is_compared_with_is_of_what_can_be_trained():
    known = published_statistics().loc[PART].loc["textures"].to_dict()
    everything = distance_to(PART, known, rule=RULE)
    unpaired = distance_to(PART, known, rule=RULE, without_objectives=["ada_gvae"])
    assert unpaired.among.equals(everything.among)  # of images alone
    assert unpaired.correlation != everything.correlation
    told = trust_of_evidence(RULE, PART, without_objectives=["ada_gvae"])
    assert told.published.p != trust_of_evidence(RULE, PART).published.p


def test_trust_in_the_evidence_is_a_number_or_none():
    told = trust_of_evidence(RULE, PART, target="new")
    assert told.known == "evidence"
    assert "its pick beat a random run with probability" in str(told)
    assert "Your own runs" not in str(told)
    never = never_backtested(RULE, ["steps 10, where the evidence has 2000"])
    assert str(never).startswith("This transfer was never backtested, so that there is no number for it: steps 10")
    assert never.decision == "nothing is known here: label a few images"
    assert np.isnan(never.p)
