"""Metrics of a user's own in `evaluate`: functions, and descriptions of metrics."""

from dataclasses import replace

import numpy as np
import pytest

import selectdis as sd
from selectdis.metrics import METRICS

DATA = sd.load_dataset("sprites", image_size=16)
SIZES = {"n_train": 200, "n_test": 100}


def encode(images):
    return images.reshape(len(images), -1)[:, :: 16 * 16 // 4].astype(float)


def spread(codes, factors):
    assert len(codes) == len(factors) == 200
    return codes.std()


def sizes(codes_train, factors_train, codes_test, factors_test, *, scale=1):
    return {"train": len(codes_train) * scale, "test": len(factors_test)}


def test_functions_are_metrics_beside_others():
    mine = replace(METRICS["mig"], name="mine", compute=lambda samples: {"mine": 7.0}, produces=("mine",))
    scores = sd.evaluate(encode, DATA, metrics=["mig", spread, sizes, mine], suffix=".x", **SIZES)
    assert set(scores) == {"mig.x", "spread.x", "sizes_train.x", "sizes_test.x", "mine.x"}
    assert (scores["sizes_train.x"], scores["sizes_test.x"], scores["mine.x"]) == (200, 100, 7)
    assert sd.evaluate(encode, DATA, metrics=spread, **SIZES) == {"spread": scores["spread.x"]}


def mig(codes, factors):
    return 0.0


def three(codes, factors, more):
    return 0.0


def words(codes, factors):
    return "many"


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (mig, "the name of the metric 'mig' is taken"),
        (three, "the metric three must take .*, found 3 arguments"),
        (words, "the metric words must return a number, or a dict of numbers, found 'many'"),
        (lambda codes, factors: 1.0, "found '<lambda>': use def"),
    ],
)
def test_functions_that_are_none_are_refused(function, said):
    with pytest.raises(sd.SelectdisError, match=said):
        sd.evaluate(encode, DATA, metrics=[function], **SIZES)


def test_factors_of_a_function_are_what_the_metrics_get():
    def first(codes, factors):
        return float(np.asarray(factors)[:, 0].max())

    assert sd.evaluate(encode, DATA, metrics=[first], **SIZES)["first"] == DATA.factor_sizes[0] - 1
