"""The networks that the benchmarks of training compare: a plain loop over one, a cohort, their operations, the peak."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """A network to train."""

    name: str
    architecture: str
    size: int
    width: int


# The objectives of Locatello et al. 2019, in the order in which a cohort has them.
SIX = ("beta_vae", "annealed_vae", "factor_vae", "dip_vae_i", "dip_vae_ii", "beta_tc_vae")

CASES = (
    Case("conv, 64 pixels", "conv", 64, 256),
    Case("conv, 32 pixels", "conv", 32, 256),
    Case("conv, 16 pixels", "conv", 16, 256),
    Case("fc 128, 16 pixels", "fc", 16, 128),
    Case("fc 1200, 64 pixels", "fc", 64, 1200),
)


def images_of(size: int) -> Any:
    """10,000 images of noise; training does not look at what they show."""
    import numpy as np

    return (np.random.default_rng(0).random((10_000, 1, size, size)) > 0.7).astype(np.uint8) * 255


def plain_step(case: Case, device: str) -> Callable[[], int]:
    """One step of one model: nn.Module, DataLoader, autograd, Adam; the count of candidate-steps it did."""
    import torch
    from torch import nn
    from torch.nn import functional as F
    from torch.utils.data import DataLoader, TensorDataset

    parts = (plain_conv if case.architecture == "conv" else plain_fc)(nn, case)
    encoder, decoder = (part.to(device) for part in parts)
    images = torch.from_numpy(images_of(case.size)).float().div_(255)
    loader = DataLoader(TensorDataset(images), batch_size=64, shuffle=True, drop_last=True, pin_memory=device == "cuda")
    optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-4)

    def forever() -> Any:
        while True:
            yield from loader

    batches = forever()

    def step() -> int:
        x = next(batches)[0].to(device, non_blocking=True)
        mean, log_variance = encoder(x).chunk(2, 1)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        reconstruction = F.binary_cross_entropy_with_logits(decoder(z), x, reduction="sum") / len(x)
        kl = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(1).mean()
        optimiser.zero_grad()
        (reconstruction + 4 * kl).backward()
        optimiser.step()
        return 1

    return step


def plain_conv(nn: Any, case: Case) -> tuple[Any, Any]:
    """The convolutional networks of the literature (fewer stages below 64 pixels)."""
    from selectdis.models._conv import STAGES

    channels, layers = 1, []
    for outputs, kernel in STAGES[case.size]:
        layers += [nn.Conv2d(channels, outputs, kernel, 2, kernel // 2 - 1), nn.ReLU()]
        channels = outputs
    flat = channels * 16
    encoder = nn.Sequential(*layers, nn.Flatten(), nn.Linear(flat, 256), nn.ReLU(), nn.Linear(256, 20))
    layers = [nn.Linear(10, 256), nn.ReLU(), nn.Linear(256, flat), nn.ReLU(), nn.Unflatten(1, (channels, 4, 4))]
    widths = [outputs for outputs, _ in reversed(STAGES[case.size])]
    for inputs, outputs in zip(widths, [*widths[1:], 1], strict=True):
        layers += [nn.ConvTranspose2d(inputs, outputs, 4, 2, 1), nn.ReLU()]
    return encoder, nn.Sequential(*layers[:-1])


def plain_fc(nn: Any, case: Case) -> tuple[Any, Any]:
    """The fully connected networks of the literature, with another width."""
    pixels, width = case.size**2, case.width
    encoder = nn.Sequential(
        nn.Flatten(), nn.Linear(pixels, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 20)
    )
    decoder = nn.Sequential(
        nn.Linear(10, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(),
        nn.Linear(width, pixels), nn.Unflatten(1, (1, case.size, case.size)),
    )  # fmt: skip
    return encoder, decoder


def flops(case: Case) -> float:
    """Multiplications and additions of one candidate-step at batch 64: forward, and twice that backward."""
    from selectdis.models._conv import STAGES

    if case.architecture == "fc":
        pixels, width = case.size**2, case.width
        weights = [pixels * width, width * width, width * 20, 10 * width, 2 * width * width, width * pixels]
        return 64 * 2 * (3 * sum(weights) - weights[0])
    side, inputs, convolutions = case.size, 1, []
    for outputs, kernel in STAGES[case.size]:
        side //= 2
        convolutions.append(kernel * kernel * inputs * outputs * side * side)
        inputs = outputs
    widths = [outputs for outputs, _ in reversed(STAGES[case.size])]
    for ins, outs in zip(widths, [*widths[1:], 1], strict=True):
        convolutions.append(16 * ins * outs * side * side)
        side *= 2
    weights = [2 * 256 * widths[0] * 16 + 256 * 30, *convolutions]
    return 64 * 2 * (3 * sum(weights) - convolutions[0])


def cohort_step(case: Case, device: str, precision: str, count: int, *, mixed: bool = False) -> Callable[[], int]:
    """One step of a cohort of `count` beta-VAEs (0: as many as the rule says for many), or of all six objectives."""
    from types import SimpleNamespace

    from selectdis.execution import cohort_size
    from selectdis.training import Candidate
    from selectdis.training._cohort import Cohort
    from selectdis.training._runtime import compute_settings

    settings = {"architecture": case.architecture, "width": case.width}
    count = count or cohort_size(Candidate(**settings), (1, case.size, case.size), 1000, device)
    objectives = [SIX[i * len(SIX) // count] if mixed else "beta_vae" for i in range(count)]  # sorted, as cohorts are
    candidates = [Candidate(objective, seed, **settings) for seed, objective in enumerate(objectives)]
    data = SimpleNamespace(name="noise", images=images_of(case.size))
    cohort = Cohort(candidates, data, compute_settings(device, precision))

    def step() -> int:
        cohort.step()
        return count

    return step


def _has_one_dnn(dtype: Any) -> bool:
    """Whether this processor has oneDNN's product in `dtype`: it refuses bfloat16 where there is only AVX2."""
    import torch

    return dtype != torch.bfloat16 or torch.ops.mkldnn._is_mkldnn_bf16_supported()


def gemm_peak(device: str = "cpu", precision: str = "float32") -> float:
    """The best rate of a square product, over the libraries in torch, in FLOP a second; on CPU on one thread."""
    import torch

    from selectdis.training._cohort import PRECISIONS
    from selectdis.training._runtime import compute_settings, torch_settings

    dtype = torch.bfloat16 if precision == "bf16" else PRECISIONS[precision]
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    best = 0.0
    with torch_settings(compute_settings(device, precision)):
        for n in (256, 512, 1024, *((4096, 8192) if device == "cuda" else ())):
            a, b = torch.randn(2, n, n, device=device).to(dtype)
            products = [lambda a=a, b=b: a @ b]
            if device == "cpu" and hasattr(torch.ops.mkldnn, "_linear_pointwise") and _has_one_dnn(dtype):
                products.append(lambda a=a, b=b: torch.ops.mkldnn._linear_pointwise(a, b, None, "none", [], ""))
            for product in products:
                for _ in range(20):
                    wait()
                    start = time.perf_counter()
                    product()
                    wait()
                    best = max(best, 2 * n**3 / (time.perf_counter() - start))
    return best
