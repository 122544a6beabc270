"""What a few labels are worth: draws of images, labels and runs, and picks judged with all labels."""

import numpy as np
import pandas as pd
import pytest

from selectdis.errors import SelectdisError
from selectdis.selection.few_labels import (
    LabelDraw,
    ProbeCodes,
    backtest_labels,
    draw_images,
    in_resamples,
    label_worth,
    read_probe_codes,
    worth_sentence,
)

N = 200


def probe(name="one", seeds=3, seed=0, **more):
    """Runs of four configurations, whose codes are the factors with more and more noise; two latents are noise."""
    rng = np.random.default_rng(seed)
    factors = rng.integers(5, size=(N, 3)).astype(float)
    noise = np.repeat([0.1, 1.0, 3.0, 9.0], seeds)
    codes = np.concatenate([factors + one * rng.normal(size=(N, 3)) for one in noise]).reshape(len(noise), N, 3)
    codes = np.concatenate([codes, rng.normal(size=(len(noise), N, 2))], axis=2)
    rows = {"dataset": name, "configuration": [f"c{one}" for one in noise], "metric.mig": -noise, **more}
    ids = [f"beta_vae-0000000{k // seeds}-s{k % seeds}" for k in range(len(noise))]
    return ProbeCodes(codes, factors, pd.DataFrame({"candidate": ids, **rows}))


def test_labels_that_tell_the_runs_apart_pick_the_best():
    found = backtest_labels([probe("one"), probe("two", seed=1)], (3, 20), n_draws=8)
    few, many = found.table.to_dict("records")
    assert many["p_beats_random"] == pytest.approx(10 / 11)  # the three best runs are equal
    assert few["p_beats_random"] < many["p_beats_random"]
    assert many["top_tenth"] == 1
    assert few["p_low"] < few["p_beats_random"] < few["p_high"]
    assert "0.91 [" in repr(found)
    assert len(found.draws) == 2 * 2 * 8


def test_a_score_that_knows_nothing_is_at_chance():
    found = backtest_labels(
        [probe()],
        (10,),
        n_draws=150,
        scorer=lambda codes, *_: np.random.default_rng(int(1e6 * codes[0, 0, 0] % 1e6)).random(len(codes)),
    )
    assert found.table["p_beats_random"][0] == pytest.approx(0.5, abs=0.1)


def test_intervals_are_over_families():
    alone = [probe(name, seed=k) for k, name in enumerate("abc")]
    kin = [probe(name, seed=k, family="f" if k < 2 else "g") for k, name in enumerate("abc")]
    widths = [
        (t := backtest_labels(sets, (10,), n_draws=3).table).iloc[0]["p_high"] - t["p_low"][0] for sets in (alone, kin)
    ]
    assert widths[1] > widths[0]


def test_what_is_drawn():
    one, rng = probe(), np.random.default_rng(0)
    drawn = LabelDraw(wrong=1.0, n_factors=2, n_runs=4, n_configurations=2).draw(one, 20, rng)
    assert drawn.labels.shape == (20, 2)
    assert (drawn.labels != one.factors[np.ix_(drawn.images, drawn.factors)]).all()
    assert np.isin(drawn.labels, np.arange(5)).all()
    assert len(drawn.runs) == 4
    assert len(set(one.configurations[drawn.runs])) == 2
    some = LabelDraw(wrong=0.2).draw(one, 100, rng)
    assert 0.1 < (some.labels != one.factors[some.images]).mean() < 0.3
    with pytest.raises(SelectdisError, match=r"random, cover, disagreement; found 'cove'.*cover"):
        LabelDraw("cove").draw(one, 5, rng)


def test_images_that_cover_the_codes_lie_apart():
    codes = np.repeat(np.arange(10.0), 20)[np.newaxis, :, np.newaxis]
    cover = draw_images(codes, 10, np.random.default_rng(0), "cover")
    assert len(set(codes[0, cover, 0])) == 10


def test_runs_disagree_on_the_images_that_only_one_of_them_moves():
    codes = np.zeros((2, 50, 2))
    codes[:, :, 0] = np.arange(50)
    codes[1, :5, 1] = 1
    drawn = draw_images(codes, 4, np.random.default_rng(0), "disagreement")
    assert (drawn[1:] < 5).any()
    assert len(set(drawn)) == 4


def test_images_without_any_label_are_not_drawn():
    one = probe()
    one.factors[10:] = np.nan
    assert LabelDraw().draw(one, 10, np.random.default_rng(0)).images.max() < 10
    with pytest.raises(SelectdisError, match=r"one has 10 labelled images .* and 11 are to be drawn"):
        backtest_labels([one], (11,))


def test_missing_labels_stay_missing():
    one = probe()
    one.factors[::2, 0] = np.nan
    drawn = LabelDraw(wrong=1.0).draw(one, 50, np.random.default_rng(0))
    assert np.array_equal(np.isnan(drawn.labels), np.isnan(one.factors[drawn.images]))
    assert backtest_labels([one], (20,), n_draws=3).table["p_beats_random"][0] > 0.8


def test_probe_codes_of_a_file_meet_their_records(tmp_path):
    one = probe()
    arrays = {"candidates": one.records["candidate"].to_numpy(str)[::-1], "mean": one.codes[::-1].astype(np.float16)}
    np.savez(tmp_path / "one.npz", factors=np.where(one.factors == 4, -1, one.factors).astype(int), **arrays)
    read = read_probe_codes(tmp_path / "one.npz", one.records.iloc[1:])
    assert read.records["candidate"].tolist() == one.records["candidate"].tolist()[:0:-1]
    assert np.isnan(read.factors).sum() == (one.factors == 4).sum()
    with pytest.raises(SelectdisError, match="the records given have 1 of its 12"):
        read_probe_codes(tmp_path / "one.npz", one.records.iloc[:1])
    (tmp_path / "bad.npz").write_bytes(b"PK")
    with pytest.raises(SelectdisError, match="no probe codes"):
        read_probe_codes(tmp_path / "bad.npz", one.records)
    np.savez(tmp_path / "one.npz", factors=one.factors[1:], **arrays)
    with pytest.raises(SelectdisError, match="do not fit"):
        read_probe_codes(tmp_path / "one.npz", one.records)


def test_no_set_and_one_run():
    with pytest.raises(SelectdisError, match="found none"):
        backtest_labels([])
    one = probe()
    alone = ProbeCodes(one.codes[:1], one.factors, one.records.iloc[:1])
    with pytest.raises(SelectdisError, match="one has 1 judged runs"):
        backtest_labels([alone])


def test_no_number_is_said_that_was_not_backtested():
    assert label_worth(4) is None
    assert "fewer than were ever backtested" in worth_sentence(4)
    assert label_worth(14).labels == 10
    assert "by 10 labelled images" in worth_sentence(14)
    assert "; by 20 with" in worth_sentence(14)
    assert "; by" not in worth_sentence(200)
    assert "the best in 39% of 200 resamples of the images (of 30 backtested picks" in in_resamples(0.39)
    assert "of 22 backtested picks among 60 runs with about as many 6 were" in in_resamples(0.0)


def test_labels_are_worth_less_among_runs_of_few_configurations():
    assert [label_worth(20, n).configurations for n in (1, 2, 5, 6, 12, 40)] == [1, 1, 3, 6, 12, 12]
    assert label_worth(20, 3).p < label_worth(20, 6).p < label_worth(20).p
    assert label_worth(20, 3).top_tenth < label_worth(20).top_tenth
    assert "labelled images, among those of the 3 best configurations, beat" in worth_sentence(20, 4)
    assert "labelled images, among the five of the best configuration, beat" in worth_sentence(20, 2)
    assert "labelled images beat" in worth_sentence(20)
    assert label_worth(4, 3) is None
