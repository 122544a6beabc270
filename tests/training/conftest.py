from dataclasses import dataclass

import numpy as np
import pytest

from selectdis.data._pairs import ListedPairs
from selectdis.training import Candidate

UNPAIRED = ("beta_vae", "annealed_vae", "factor_vae", "dip_vae_i", "dip_vae_ii", "beta_tc_vae", "qlae")
OBJECTIVES = (*UNPAIRED, "ada_gvae", "ada_ml_vae")


@dataclass(frozen=True)
class Images:
    """The little of a data set that training looks at."""

    name: str
    images: np.ndarray

    @property
    def pairs(self) -> ListedPairs:
        """Each image and the next one."""
        first = np.arange(len(self.images) - 1)
        return ListedPairs(np.stack([first, first + 1], axis=1))


def blobs(n: int = 200, size: int = 16, channels: int = 1) -> Images:
    """White squares at random places."""
    rng = np.random.default_rng(0)
    images = np.zeros((n, channels, size, size), np.uint8)
    for image, (row, column) in zip(images, rng.integers(size - 5, size=(n, 2)), strict=True):
        image[:, row : row + 5, column : column + 5] = 255
    return Images("blobs", images)


def small(objective: str = "beta_vae", seed: int = 0, **settings) -> Candidate:
    """A candidate that trains in no time."""
    defaults = {"architecture": "fc", "width": 24, "latents": 3, "batch_size": 8, "discriminator_width": 12}
    return Candidate(objective, seed, **(defaults | {"learning_rate": 1e-3} | settings))


def mixture(**settings) -> list[Candidate]:
    """All objectives, several learning rates; of the first six two seeds."""
    return [
        small(objective, seed, learning_rate=rate, **settings)
        for place, objective in enumerate(OBJECTIVES)
        for seed, rate in ((0, 1e-3), (1, 3e-4))[: 2 if place < 6 else 1]
    ]


def same(a, b) -> bool:
    """Whether two runs are equal bit for bit, curves included."""
    return (
        a.candidate == b.candidate
        and a.status == b.status
        and a.curves.keys() == b.curves.keys()
        and all(np.array_equal(a.curves[name], b.curves[name]) for name in a.curves)
        and all(bool((a.parameters[name] == b.parameters[name]).all()) for name in a.parameters)
    )


@pytest.fixture(scope="session")
def data() -> Images:
    return blobs()
