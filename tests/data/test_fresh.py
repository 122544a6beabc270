"""The random numbers of what is drawn anew at each use."""

import numpy as np
import torch

from selectdis.data._fresh import hashed, lanes, uniform
from selectdis.training._random_source import Purpose, keys_of_uses


def test_the_hash_is_splitmix64():
    first = hashed(np.zeros(1, np.int64), np.arange(2)).view(np.uint64)
    assert [hex(int(number)) for number in first] == ["0xe220a8397b1dcdaf", "0x6e789e6aa1b965f4"]
    assert hashed(np.zeros(1, np.int64), 1)[0] == hashed(np.zeros(1, np.int64), np.arange(2))[1]


def test_tensors_hash_as_arrays():
    keys = np.random.default_rng(0).integers(-(2**63), 2**63 - 1, 50)
    for words in (5, 2**62, np.arange(50)):
        own = torch.from_numpy(words) if isinstance(words, np.ndarray) else words
        assert (hashed(torch.from_numpy(keys), own).numpy() == hashed(keys, words)).all()


def test_numbers_are_uniform_and_unrelated():
    keys = keys_of_uses(torch.arange(4), Purpose.DRAWS, 3, 64).reshape(-1).numpy()
    numbers = uniform(keys, (50, 3), np.empty(0))
    assert numbers.shape == (256, 50, 3)
    assert 0 <= numbers.min() < 0.001 < 0.999 < numbers.max() < 1
    assert abs(np.histogram(numbers, 16, (0, 1))[0] - 2400).max() < 200  # 4 deviations are 190
    flat = numbers.reshape(256, -1)
    for one, other in ((flat[:-1], flat[1:]), (flat[:, :-1], flat[:, 1:]), (flat[:-64], flat[64:])):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.02
    assert len(np.unique(lanes(keys, 7)[:, :4].view(np.int64))) == 256


def test_a_key_is_of_seed_purpose_step_and_place():
    seeds = torch.tensor([0, 1, 2**63 - 1])
    keys = [
        keys_of_uses(seeds, purpose, step, 5)
        for purpose in (Purpose.DRAWS, Purpose.DISCRIMINATOR_DRAWS)
        for step in (0, 1, 300_000)
    ]
    assert keys[0].shape == (3, 5)
    assert len(torch.cat(keys).unique()) == 6 * 15
    assert (keys_of_uses(seeds[1:], Purpose.DRAWS, 1, 3) == keys[1][1:, :3]).all()
