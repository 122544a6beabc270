"""Theorem 1 of Locatello et al. 2019 on a trained model: what likelihood sees stays the same, disentanglement falls.

The prior N(0, I) does not change under a rotation A. So z' = A z is as good a code as z: decode it with A^T first, and
reconstruction, KL and ELBO are the same to rounding. Yet every new latent mixes all old ones. No unlabelled data can
tell the two models apart; labels can.

    python examples/impossibility.py [--steps 5000]
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.stats import ortho_group

import selectdis as sd


def main(steps: int, seed: int = 1) -> dict[str, dict[str, float]]:
    """Train, rotate, and print both models' scores; returns them."""
    data = sd.load_dataset("sprites", image_size=16, sizes={"shape": 3, "scale": 4, "orientation": 1, "x": 10, "y": 10})
    candidate = sd.Candidate(
        "beta_vae", seed=seed, strengths={"beta": 2.0}, architecture="fc", width=128, latents=6, learning_rate=1e-3
    )
    run = sd.train([candidate], data, steps=steps)[0]
    rotation = ortho_group.rvs(candidate.latents, random_state=np.random.default_rng(seed))
    print(f"smallest entry of the rotation: {np.abs(rotation).min():.3f} (every new latent mixes all old ones)\n")

    images = data.images_at(np.arange(len(data)))
    mean, log_variance = run.encode(images)
    models = {
        "trained": likelihood(images, mean, covariances(log_variance), run.decode),
        "rotated": likelihood(
            images,
            mean @ rotation.T,
            rotation @ covariances(log_variance) @ rotation.T,
            lambda codes: run.decode((codes @ rotation).astype(np.float32)),
        ),
    }
    models["trained"] |= scores(run.transform, data)
    models["rotated"] |= scores(lambda batch: run.transform(batch) @ rotation.T, data)
    print(f"{'':>22} {'trained':>10} {'rotated':>10}")
    for name in models["trained"]:
        print(f"{name:>22} {models['trained'][name]:10.4f} {models['rotated'][name]:10.4f}")
    return models


def covariances(log_variance: np.ndarray) -> np.ndarray:
    """(n, latents, latents) posterior covariances of (n, latents) log-variances."""
    return np.exp(log_variance.astype(np.float64))[:, :, None] * np.eye(log_variance.shape[1])


def likelihood(images: np.ndarray, mean: np.ndarray, covariance: np.ndarray, decode) -> dict[str, float]:
    """Nats an image: reconstruction of the mean code, KL(N(mean, covariance) || N(0, I)), ELBO."""
    pixels = images / 255.0
    decoded = np.clip(decode(mean.astype(np.float32)).astype(np.float64), 1e-7, 1 - 1e-7)
    reconstruction = -(pixels * np.log(decoded) + (1 - pixels) * np.log1p(-decoded)).sum((1, 2, 3))
    trace = np.trace(covariance, axis1=1, axis2=2)
    _, log_determinant = np.linalg.slogdet(covariance)
    kl = 0.5 * (trace + (mean.astype(np.float64) ** 2).sum(1) - mean.shape[1] - log_determinant)
    return {
        "reconstruction": float(reconstruction.mean()),
        "KL": float(kl.mean()),
        "ELBO": float(-(reconstruction + kl).mean()),
    }


def scores(encode, data: sd.ImageDataset) -> dict[str, float]:
    """Supervised scores, which do see the difference."""
    wanted = ["mig", "sap", "dci_disentanglement", "beta_vae", "factor_vae"]
    found = sd.evaluate(encode, data, metrics=wanted, n_train=2_000, n_test=1_000)
    return {name: found[name] for name in wanted}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=5_000)
    main(parser.parse_args().steps)
