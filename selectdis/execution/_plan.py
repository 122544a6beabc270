"""Which candidates train together, and in how many processes: a rule from measurements (see docs/training.md)."""

from __future__ import annotations

import math
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import partial

import torch

from selectdis.errors import SelectdisError, whole_number
from selectdis.models import ARCHITECTURES, Parameter, build_model, discriminator_parameters
from selectdis.models._discriminator import LAYERS as DISCRIMINATOR_LAYERS
from selectdis.training._candidate import Candidate, program_key
from selectdis.training._images import RESIDENT_SHARE
from selectdis.training._memory import device_memory

__all__ = ["cohort_size", "plan_cohorts", "worker_count"]

CPU_PARAMETERS = 5_000_000  # of a whole cohort; larger ones leave the cache and gain nothing
CPU_LARGEST = 16
PARTS, SMALL = 3, 4  # cohorts of each process under a time budget; 4 candidates cost 15% more each than 8, 2 cost 30%
CUDA_LARGEST = 64  # 128 were 8% faster at 64 pixels on an H200, and fewer, larger cohorts hide less of their scores
CUDA_SHARE = 0.8  # of the free memory; where that was too much after all, the cohort is halved
TRAINING_COPIES = 4  # weights, gradients and two moments, in float32
KEPT = 2  # copies of each activation: itself, and gradients and other layouts of it on the way back
IMAGE_COPIES = 6  # float32 numbers per pixel: images, logits, their gradients, and what they are gathered through
# An H200 took 46 MB (bf16) and 55 MB (float32) for a candidate of the conv at 64 pixels; the count without it is 44
# and 65.
MARGIN = 1.25


def cohort_size(
    candidate: Candidate,
    image_shape: tuple[int, int, int],
    count: int,
    device: str | torch.device = "auto",
    *,
    precision: str = "float32",
    n_images: int = 0,
) -> int:
    """Return how many of `count` candidates like this one should train as one program on a device: 1 to `count`.

    On CPU stacking pays for small fully connected models only; on CUDA as many as fit into the free memory, up to 64.

    Parameters
    ----------
    candidate : Candidate
        One of them.
    image_shape : tuple of int
        (c, h, w).
    count : int
        How many there are, at least 1.
    device : str or torch.device
        "auto", "cpu", "cuda", "cuda:1", ...
    precision : str
        As of `train`; bf16 takes half of the memory for activations.
    n_images : int
        Images that the device is to hold besides, where half of its free memory is enough for them.
    """
    count = whole_number("the number of candidates", count, 1)
    if not ARCHITECTURES[candidate.architecture].stacks:
        return 1
    place = _place(device)
    if place.type == "cuda":
        free = device_memory(place)
        images = n_images * math.prod(image_shape)
        room = CUDA_SHARE * (free - images if images <= RESIDENT_SHARE * free else free)
        return max(1, min(count, CUDA_LARGEST, int(room / candidate_bytes(candidate, image_shape, precision))))
    if not ARCHITECTURES[candidate.architecture].stacks_on_cpu:
        return 1
    return max(1, min(count, CPU_LARGEST, CPU_PARAMETERS // _model_parameters(candidate, image_shape)))


def candidate_bytes(candidate: Candidate, image_shape: tuple[int, int, int], precision: str = "float32") -> int:
    """Count the bytes that one candidate needs in training: weights, moments, activations and images, with a margin."""
    size = {"bf16": 2, "float64": 8}.get(precision, 4)
    parameters = _model_parameters(candidate, image_shape)
    activations = ARCHITECTURES[candidate.architecture].activations(image_shape, candidate.width or 0)
    if candidate.specification.adversary:
        parameters += _count(discriminator_parameters(candidate.latents, candidate.discriminator_width))
        # Of the codes that the model is judged by, and of true and permuted ones when the discriminator learns.
        activations += 3 * DISCRIMINATOR_LAYERS * candidate.discriminator_width
    weights = parameters * (TRAINING_COPIES * max(size, 4) + (2 * size if size < 4 else 0))  # bf16: cast, and gradients
    images = IMAGE_COPIES * max(size, 4) * math.prod(image_shape)
    return int(MARGIN * (weights + candidate.batch_size * (KEPT * size * activations + images)))


def _model_parameters(candidate: Candidate, image_shape: tuple[int, int, int]) -> int:
    return _count(build_model(candidate.architecture, image_shape, candidate.latents, candidate.width or 0).parameters)


def _count(parameters: Sequence[Parameter]) -> int:
    return sum(math.prod(parameter.shape) for parameter in parameters)


def plan_cohorts(
    candidates: Sequence[Candidate],
    image_shape: tuple[int, int, int],
    *,
    device: str | torch.device,
    n_jobs: int,
    in_parts: bool = False,
    interrupted: Iterable[Sequence[str]] = (),
    precision: str = "float32",
    n_images: int = 0,
) -> list[list[int]]:
    """Return the indices of the candidates of each cohort: interrupted cohorts as they were, then new ones.

    Every candidate is in one, and every process gets work.

    Parameters
    ----------
    candidates, image_shape, device
        What is trained, on which images (c, h, w), and where.
    n_jobs : int
        Cohorts that run at the same time.
    in_parts : bool
        On CPU, smaller cohorts: each process has `PARTS` to do, one after the other, unless they became too small.
    interrupted : iterable of sequences of str
        Ids of the candidates of each cohort whose state is on disk; one that lacks any of them is not made again.
    precision, n_images
        As of `cohort_size`.
    """
    waiting: dict[str, list[int]] = defaultdict(list)  # of equal candidates each is trained
    for i, candidate in enumerate(candidates):
        waiting[candidate.id].append(i)
    cohorts = []
    for ids in interrupted:
        if ids and all(len(waiting[name]) >= count for name, count in Counter(ids).items()):
            cohorts.append([waiting[name].pop(0) for name in ids])
    rest = sorted(i for indices in waiting.values() for i in indices)
    programs: dict[object, list[int]] = defaultdict(list)
    for i in rest:
        programs[program_key(candidates[i])].append(i)
    fair = math.ceil(len(rest) / n_jobs)
    if in_parts and _place(device).type == "cpu":
        fair = min(fair, max(math.ceil(fair / PARTS), SMALL))
    new: list[list[int]] = []
    for members in programs.values():
        size_of = partial(
            cohort_size,
            image_shape=image_shape,
            count=len(members),
            device=device,
            precision=precision,
            n_images=n_images,
        )
        size = min(fair, *(size_of(candidates[i]) for i in members))
        parts = math.ceil(len(members) / size)
        new += [members[part * len(members) // parts : (part + 1) * len(members) // parts] for part in range(parts)]
    return cohorts + sorted(new)  # in the order of the candidates, which a search that is cut short has balanced


def _place(device: str | torch.device) -> torch.device:
    return torch.device(("cuda" if torch.cuda.is_available() else "cpu") if str(device) == "auto" else device)


def worker_count(n_jobs: int) -> int:
    """Return the number of processes to use: `n_jobs`, or for -1 one for each core that this process may use."""
    if n_jobs == -1:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        return whole_number("n_jobs", n_jobs, 1)
    except SelectdisError as error:
        raise SelectdisError(f"{error}; -1 stands for one per core") from None
