"""Settings of the process while a cohort trains, put back afterwards."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import torch

from selectdis._signals import Stopped
from selectdis.errors import SelectdisError, nearest
from selectdis.training._cohort import PRECISIONS, ComputeSettings
from selectdis.training._compiled import room_for_programs

__all__ = [
    "TrainingInterrupted",
    "compute_settings",
    "slow_in_bf16",
    "torch_settings",
    "trim_heap",
]


M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of malloc.h


class TrainingInterrupted(Stopped):
    """Ctrl-C (or SIGTERM, SIGHUP) during training: the message says what was saved and how to go on."""


def compute_settings(device: str, precision: str = "float32", compile: bool = False) -> ComputeSettings:
    """Return settings by name; the device "auto" takes a CUDA device where there is one."""
    if precision not in PRECISIONS:
        raise SelectdisError(
            f"the precision must be one of {', '.join(PRECISIONS)}, found {precision!r}"
            f"{nearest(str(precision), PRECISIONS)}"
        )
    name = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    try:
        chosen = torch.device(name)
    except (RuntimeError, TypeError):
        chosen = torch.device("meta")
    if chosen.type not in ("cpu", "cuda"):
        raise SelectdisError(f'the device must be "auto", "cpu", "cuda" or "cuda:N", found {device!r}')
    if chosen.type == "cuda" and not (torch.cuda.is_available() and (chosen.index or 0) < torch.cuda.device_count()):
        raise SelectdisError(f'the device {device!r} is not there; use "cpu", or "auto" to take what there is')
    return ComputeSettings(chosen, precision, compile)


def slow_in_bf16(device: str) -> bool:
    """Return whether `device` is a processor that multiplies matrices in bfloat16 slower than in float32.

    Those without instructions for it compute it in steps: by one with AVX2 a product took 80 times as long.
    """
    return compute_settings(device).device.type == "cpu" and _product_seconds(torch.bfloat16) > _product_seconds(
        torch.float32
    )


@lru_cache(maxsize=2)
def _product_seconds(dtype: torch.dtype) -> float:
    """Return how long a product takes as the dense networks have it: the shortest of a few, other work beside it."""
    images, weights = torch.ones(64, 768, dtype=dtype), torch.ones(768, 128, dtype=dtype)
    with _one_thread():
        times = [time.perf_counter()]
        for _ in range(6):  # the first of which compiles a kernel
            images @ weights
            times.append(time.perf_counter())
    return min(after - before for before, after in itertools.pairwise(times))


@contextmanager
def torch_settings(compute: ComputeSettings) -> Iterator[None]:
    """One thread on CPU, where two were slower than two processes; numbers too small to matter count as zero.

    Adam's moments of dead units decay into denormal numbers, which processors add up many times more slowly.
    """
    with room_for_programs(compute.compile):
        if compute.device.type == "cuda":
            with _set_device(compute.device), _cuda_settings(tf32=compute.precision in ("tf32", "bf16")):
                yield
            return
        with _one_thread():
            yield


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        with keep_memory():
            yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)


@contextmanager
def keep_memory() -> Iterator[None]:
    """Freed memory stays with the process, for the next step.

    glibc gives blocks of megabytes back to the system at once, and a step that gets them anew pays for their pages:
    that was 40% of its time at 64 pixels. Other C libraries have no such setting, and are left alone.
    """
    try:
        c_library = ctypes.CDLL(None)
        set_option = c_library.mallopt
    except (OSError, AttributeError):
        yield
        return
    set_option(M_MMAP_MAX, 0)
    set_option(M_TRIM_THRESHOLD, 2**30)
    try:
        yield
    finally:
        set_option(M_MMAP_MAX, 65_536)  # glibc's default
        set_option(M_TRIM_THRESHOLD, 2**26)  # where its own adjustment ends
        trim_heap()


def trim_heap() -> None:
    """Give freed memory back to the system, where the C library can; oneDNN's kernels live outside the heap."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _set_device(device: torch.device) -> torch.cuda.device:
    """Kernels of our own and graphs go to the device that is set, wherever their tensors lie."""
    return torch.cuda.device(-1 if device.index is None else device.index)  # -1: the one that is set


@contextmanager
def _cuda_settings(*, tf32: bool) -> Iterator[None]:
    """Whether products may round to TF32; and cuDNN tries its kernels once a shape, since shapes never change here."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    try:
        before = matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark
    except RuntimeError:  # somebody set them by torch's newer names, which do not mix with these: theirs hold
        yield
        return
    matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = tf32, tf32, True
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = before
