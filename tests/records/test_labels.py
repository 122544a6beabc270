"""Configurations, runs, scores and numbers in words."""

import numpy as np
import pandas as pd
import pytest

from selectdis.records import (
    configuration_labels,
    number,
    run_label,
    score_label,
    strength_label,
    with_settings,
)

from ..selection.records import make_records


@pytest.fixture
def records():
    return make_records(1, 12, 2, rng=np.random.default_rng(0))


def labels(records, plain=False):
    return list(configuration_labels(records, plain=plain).values())


def test_a_configuration_is_its_objective_and_strength(records):
    assert {"β-VAE β=1", "β-VAE β=2", "DIP-VAE-I λ_od=1"} < set(labels(records))
    assert {"beta_vae beta=1", "beta_vae beta=2", "dip_vae_i lambda_od=1"} < set(labels(records, plain=True))
    assert set(configuration_labels(records)) == set(records["configuration"])


def test_what_differs_is_told_and_nothing_else(records):
    wide = pd.concat([records, records.assign(configuration=records["configuration"] + "x", latents=6)])
    assert "β-VAE β=1, latents 6" in labels(wide)
    assert "beta_vae beta=1 latents=6" in labels(wide, plain=True)
    deep = pd.concat([records, records.assign(configuration=records["configuration"] + "x", architecture="fc")])
    assert "β-VAE β=1, fc" in labels(deep)
    assert "beta_vae beta=1 architecture=fc" in labels(deep, plain=True)


def test_decay_is_told_where_one_objective_has_several(records):
    """Objectives have their own, so that it differs between them in every study of several."""
    own = records.assign(weight_decay=np.where(records["objective"] == "beta_vae", 0.1, np.nan))
    assert labels(own) == labels(records)
    both = pd.concat([own, records.assign(configuration=records["configuration"] + "x")])
    assert "β-VAE β=1, weight decay 0.100" in labels(both)
    assert "beta_vae beta=1 weight_decay=0.1" in labels(both, plain=True)


def test_in_plain_words_a_strength_that_an_objective_never_varies_is_left_out(records):
    first = records[records["configuration"].str.endswith("0000")]
    assert labels(first) == ["β-VAE β=1"]
    assert labels(first, plain=True) == ["beta_vae"]


@pytest.mark.parametrize("plain", [False, True])
def test_labels_differ_where_nothing_that_is_told_does(records, plain):
    twice = pd.concat([records, records.assign(configuration=records["configuration"].str.replace("-", "-x"))])
    assert len(set(labels(twice, plain))) == 24
    assert labels(records.iloc[:0], plain) == []
    bare = records[["configuration"]]
    assert sorted(labels(bare, plain)) == sorted(bare["configuration"].unique())


def test_a_board_gets_settings_behind_its_configurations(records):
    board = with_settings(records[["dataset", "configuration", "seed"]], records)
    assert list(board) == ["dataset", "configuration", "settings", "seed"]
    assert board["settings"].iloc[0] == "beta_vae beta=1"
    assert list(with_settings(records[["dataset"]], records)) == ["dataset"]


def test_a_run_is_its_configuration_and_seed(records):
    row = records.iloc[1].to_dict()
    assert run_label(row, configuration_labels(records)) == "β-VAE β=1 · seed 1"
    assert run_label({"configuration": "x-1"}, {}) == "x-1"
    assert strength_label("dip_vae_i") == "λ_od"


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("metric.dci_disentanglement.sampled", "DCI disentanglement (sampled)"),
        ("criterion.udr_lasso", "UDR (lasso)"),
        ("metric.mig.few1000", "MIG, 1,000 labels"),
        ("downstream_lr_100", "downstream logistic 100"),
        ("something_new", "something new"),
    ],
)
def test_scores_have_labels(name, label):
    assert score_label(name) == label


def test_numbers():
    assert [number(value) for value in (0.12345, -2.5, 12000.0, 1e-9, None, np.nan, "a", np.inf)] == [
        *("0.123", "−2.500", "12,000", "1.00e−09", "–", "–", "a", "∞")
    ]
