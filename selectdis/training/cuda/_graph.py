"""A step of a cohort as one CUDA graph: everything from the choice of images to the statistics, launched at once."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from selectdis.training._memory import is_out_of_memory
from selectdis.training._random_source import BLOCK

if TYPE_CHECKING:
    from selectdis.training._cohort import Cohort

__all__ = ["StepGraph"]

WARM_UP = 3  # steps before a capture, in which kernels are compiled and libraries take their memory


class StepGraph:
    """The steps of a cohort: the first few kernel by kernel, then replays of one that was captured.

    What changes from step to step lies where the captured step finds it: the random numbers of a block of steps, and
    how many steps there were.
    """

    def __init__(self, cohort: Cohort) -> None:
        self._cohort = cohort
        self._numbers: dict[str, Tensor] = {}
        self._block = -1
        self._now = torch.zeros((), dtype=torch.int64, device=cohort.compute.device)
        self._eager_steps: float = WARM_UP
        self._graph: torch.cuda.CUDAGraph | None = None

    def step(self) -> None:
        """Compute one step."""
        self._load(self._cohort.step_count)
        if self._graph is None and self._eager_steps < 1:
            self._graph = self._captured()
        if self._graph is not None:
            self._graph.replay()
        else:
            self._warm_up()

    def _warm_up(self) -> None:
        self._eager_steps -= 1
        here, aside = torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(here)
        with torch.cuda.stream(aside):
            self._once()
        here.wait_stream(aside)

    def _load(self, step: int) -> None:
        block = step // BLOCK
        if block == self._block:
            return
        fresh = {name: values for name, values in self._cohort.random.block(block).items() if values.numel()}
        if self._numbers:
            for name, values in fresh.items():
                self._numbers[name].copy_(values)
        else:
            self._numbers = {name: values.clone() for name, values in fresh.items()}
        self._now.fill_(step)
        self._block = block

    def _once(self) -> None:
        place = (self._now % BLOCK).view(1)
        random = {name: values.index_select(0, place)[0] for name, values in self._numbers.items()}
        self._cohort.step_with(random, self._now)
        self._now += 1

    def _captured(self) -> torch.cuda.CUDAGraph | None:
        """Return a captured step; none where something in it cannot be captured, which a warning says."""
        graph, failure = torch.cuda.CUDAGraph(), None
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch's own default belongs to one device for good
        try:
            # The outer stream comes back also where a capture fails to end.
            with torch.cuda.stream(torch.cuda.current_stream()), torch.cuda.graph(graph, stream=aside):
                try:
                    self._once()
                except Exception as error:
                    failure = error  # ending the capture raises another one
                    raise
        except Exception as error:
            reason = failure or error
            if is_out_of_memory(reason):
                raise reason from None
            for optimiser in self._cohort.optimisers.values():
                for leaf in optimiser.network.values():
                    leaf.grad = None
            warnings.warn(
                f"a step cannot be captured as a CUDA graph, so training is slower ({type(reason).__name__}: "
                f"{str(reason).strip()[:200]})",
                RuntimeWarning,
                stacklevel=2,
            )
            self._eager_steps = float("inf")
            return None
        return graph
