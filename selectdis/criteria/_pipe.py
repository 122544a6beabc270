"""PIPE: whether decoded codes can be told from decoded codes with their dimensions shuffled."""

from __future__ import annotations

import warnings

import numpy as np

from selectdis._arrays import as_numpy, check_codes, warn_degenerate
from selectdis.criteria._registry import Criterion
from selectdis.errors import SelectdisError

__all__ = ["PIPE", "pipe", "shuffle_dimensions"]


def shuffle_dimensions(codes: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    """Permute each latent of codes (n_samples, n_latents) over the samples: a draw from the product of marginals."""
    codes = check_codes(codes)
    return rng.permuted(codes, axis=0)


def pipe(
    images: np.ndarray, shuffled_images: np.ndarray, *, seed: int = 0, n_components: int = 32, hidden: int = 64
) -> float:
    """Return PIPE of Estermann and Wattenhofer 2023, section 4.

    "DAVA: Disentangling Adversarial Variational Autoencoder".
    If the latents are independent factors, decoding codes whose dimensions were drawn independently of one another
    gives images of the same distribution as decoding real codes. A classifier is trained to tell the two apart.

    Parameters
    ----------
    images : (n_samples, ...) float
        Decoded codes of real images.
    shuffled_images : (m_samples, ...) float
        Decoded codes after `shuffle_dimensions`, of the same shape per image.
    seed : int
        Of the split, the projection and the classifier.
    n_components, hidden : int
        The classifier is a perceptron with one hidden layer on that many principal components, where the authors train
        a convolutional discriminator.

    Returns
    -------
    float
        In [0, 1], higher is better: 2 (1 - accuracy) on held-out halves, clipped: 1 where the two cannot be told apart,
        0 where each is recognised. With fewer than 4 images of a kind it is 1 by convention, with a warning.

    Raises
    ------
    SelectdisError
        On images of different shapes, NaN or infinity.
    """
    real, shuffled = _flat(images, "images"), _flat(shuffled_images, "shuffled_images")
    if real.shape[1] != shuffled.shape[1]:
        raise SelectdisError(
            f"both kinds of images need one shape; found {np.shape(images)} and {np.shape(shuffled_images)}"
        )
    n = min(len(real), len(shuffled))
    if n < 4:
        warn_degenerate("pipe", f"{n} images of a kind are too few to train on, so the score is 1 by convention")
        return 1.0
    rng = np.random.default_rng(seed)
    real, shuffled = rng.permutation(real)[:n], rng.permutation(shuffled)[:n]
    half = n // 2
    accuracy = _accuracy(
        np.concatenate([real[:half], shuffled[:half]]), np.concatenate([real[half:], shuffled[half:]]), seed,
        min(n_components, real.shape[1], 2 * half), hidden,
    )  # fmt: skip
    return float(np.clip(2 * (1 - accuracy), 0.0, 1.0))


def _accuracy(train: np.ndarray, test: np.ndarray, seed: int, n_components: int, hidden: int) -> float:
    """Return the held-out accuracy of the classifier; in both parts the first half is real."""
    if (train == train[0]).all():
        return 0.5  # nothing to learn from
    from sklearn.decomposition import PCA  # here: they take seconds to import
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    projection = PCA(n_components, random_state=seed).fit(train)
    x_train, x_test = projection.transform(train), projection.transform(test)
    scale = x_train.std(axis=0).max() or 1.0  # one scale for all components: the small ones are mostly noise
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier = MLPClassifier((hidden,), alpha=1e-2, max_iter=200, random_state=seed)
        classifier.fit(x_train / scale, np.arange(len(train)) >= len(train) // 2)
    guess = classifier.predict(x_test / scale)
    return float(np.mean(guess == (np.arange(len(test)) >= len(test) // 2)))


def _flat(images: np.ndarray, name: str) -> np.ndarray:
    images = as_numpy(images).astype(np.float64)
    return check_codes(images.reshape(len(images), -1), name)


PIPE = Criterion(
    name="pipe",
    produces=("pipe",),
    function=pipe,
    compute=lambda decoded: {"pipe": pipe(decoded.images, decoded.shuffled, seed=decoded.seed)},
    needs="decoder",
    paper="Estermann and Wattenhofer 2023",
    range=(0.0, 1.0),
    higher_is_better=True,
    cost="slow",
)
