"""A cohort: K candidates of one architecture, their stacked state, and the step that moves them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from selectdis.models import initial_values
from selectdis.models._module_pair import ModuleState
from selectdis.models._parameters import Parameter
from selectdis.objectives import takes_pairs
from selectdis.training._adam import Adam, Settings
from selectdis.training._candidate import Candidate
from selectdis.training._compiled import CompiledProgram, compiled_or_plain, give_up
from selectdis.training._curves import Curves
from selectdis.training._images import ImageBank, image_shape, pairs_of
from selectdis.training._memory import is_out_of_memory
from selectdis.training._program import Program
from selectdis.training._random_source import Purpose, RandomSource, keys_of_uses, stream
from selectdis.training.cuda._graph import StepGraph
from selectdis.training.cuda._kernel_program import KERNELS, KernelProgram, usable_kernels

if TYPE_CHECKING:
    from selectdis.training.cuda._stacked_adam import StackedAdam

__all__ = ["PRECISIONS", "Cohort", "ComputeSettings"]

T = TypeVar("T")

# precision -> dtype of the weights
PRECISIONS: dict[str, torch.dtype] = {
    "float32": torch.float32,
    "tf32": torch.float32,
    "bf16": torch.float32,
    "float64": torch.float64,
}


@dataclass(frozen=True)
class ComputeSettings:
    """Where and how exactly a cohort computes."""

    device: torch.device
    precision: str = "float32"
    compile: bool = False  # the passes of a step by torch.compile, on CPU

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of weights, optimiser and losses."""
        return PRECISIONS[self.precision]

    @property
    def network_dtype(self) -> torch.dtype:
        """The dtype in which encoder, decoder and discriminator compute."""
        return torch.bfloat16 if self.precision == "bf16" else self.dtype


class Cohort:
    """K candidates that train as one program; their results do not depend on each other.

    Attributes
    ----------
    candidates
        Sorted by objective.
    step_count
        Steps done.
    weights, discriminator
        Stacked parameters by name; the discriminator's rows are those of the candidates that have one.
    failed_step
        (K,) the step whose loss was not finite, or -1.
    """

    def __init__(self, candidates: Sequence[Candidate], data: Any, compute: ComputeSettings) -> None:
        self.candidates = tuple(candidates)
        self.compute, self.data = compute, data
        shape = image_shape(data)
        structure = (candidates, shape, compute.device, compute.dtype, compute.network_dtype)
        by_kernels = usable_kernels(candidates, shape, compute.device, compute.precision)
        self.program = KernelProgram(*structure, precision=compute.precision) if by_kernels else Program(*structure)
        self.passes: Program | CompiledProgram = self.program
        if compute.compile and self.program.modules is None and compute.device.type == "cpu":
            self.passes = compiled_or_plain(self.program, compute.device)
        self.bank = ImageBank(
            data, compute.device, compute.dtype, raw=by_kernels, channels_last=self.program.channels_last
        )
        self.seeds = torch.tensor([candidate.seed for candidate in candidates], device=compute.device)
        self.buffers: dict[str, Tensor] = {}  # of torch modules: they change in the forward pass
        if self.program.modules is None:
            self.weights = self._initial(self.program.parameters, candidates, Purpose.WEIGHTS)
        else:
            self.weights, self.buffers = self._of_modules(self.program.modules, candidates[0])
        self.weights |= self._initial(self.program.beside, candidates, Purpose.WEIGHTS)
        self.adversaries = self.candidates[self.program.adversarial]
        self.discriminator = self._initial(self.program.discriminator, self.adversaries, Purpose.DISCRIMINATOR_WEIGHTS)
        self.optimisers = {"model": self._adam(self.weights, [_model_settings(c) for c in candidates])}
        if self.adversaries:
            settings = [_discriminator_settings(c) for c in self.adversaries]
            self.optimisers["discriminator"] = self._adam(self.discriminator, settings)
        self.weights = self.optimisers["model"].weights
        paired = any(takes_pairs(candidate.objective) for candidate in candidates)
        self.pairs = pairs_of(data) if paired else None
        self.step_count = 0
        self.failed_step = torch.full((len(candidates),), -1, dtype=torch.int64, device=compute.device)
        self.alive = torch.ones(len(candidates), dtype=torch.bool, device=compute.device)
        self._alive_count = len(candidates)
        self.curves = Curves(len(candidates), compute.device)
        self.random = RandomSource(
            self.candidates,
            self.adversaries,
            images=len(data.images),
            device=compute.device,
            dtype=compute.dtype,
            ahead=compute.device.type == "cuda",
            pairs=self.pairs,
        )
        self._graph = StepGraph(self) if self._can_be_captured() else None

    def _can_be_captured(self) -> bool:
        """Whether a step is the same work on the device each time, without anything from the host."""
        return self.compute.device.type == "cuda" and self.program.modules is None and self.bank.resident

    def _adam(self, weights: Mapping[str, Tensor], settings: Sequence[Settings]) -> Adam | StackedAdam:
        if not isinstance(self.program, KernelProgram):
            return Adam(weights, settings)
        from selectdis.training.cuda._stacked_adam import StackedAdam  # which needs Triton

        return StackedAdam(weights, self.program.layouts, settings, self.compute.network_dtype)

    @property
    def kernels(self) -> str:
        """What its results are rounded by."""
        if self.compute.device.type == "cpu":
            return "cpu"
        own = KERNELS if isinstance(self.program, KernelProgram) else "torch"
        return f"{torch.cuda.get_device_name(self.compute.device)}, {own}"

    def _initial(
        self, parameters: Sequence[Parameter], candidates: Sequence[Candidate], purpose: Purpose
    ) -> dict[str, Tensor]:
        values = [initial_values(parameters, stream(c.seed, purpose)) for c in candidates]
        return {
            p.name: torch.from_numpy(np.stack([own[p.name] for own in values]))
            .to(self.compute.device, self.compute.dtype)
            .requires_grad_()
            for p in parameters
        }

    def _of_modules(self, modules: ModuleState, candidate: Candidate) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return weights and buffers of a pair of torch modules, as they draw them from the candidate's seed."""
        values = modules.first_values(int(stream(candidate.seed, Purpose.WEIGHTS).integers(2**63)))
        buffers = {buffer.name for buffer in modules.buffers}
        dtypes = {
            name: self.compute.dtype if value.is_floating_point() else value.dtype for name, value in values.items()
        }
        stacked = {
            name: value.detach()[None].clone().to(self.compute.device, dtypes[name]) for name, value in values.items()
        }
        weights = {name: value.requires_grad_() for name, value in stacked.items() if name not in buffers}
        return weights, {name: value for name, value in stacked.items() if name in buffers}

    @contextmanager
    def _own_chance(self, purpose: Purpose) -> Iterator[None]:
        """Let torch modules draw from a generator that depends on seed, purpose and step alone."""
        if self.program.modules is None:
            yield
            return
        device = self.compute.device
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(int(stream(self.candidates[0].seed, purpose, self.step_count).integers(2**63)))
            yield

    def step(self) -> None:
        """One step of every candidate: a model update and, where there is one, a discriminator update."""
        if self._graph is not None:
            self._graph.step()
        else:
            now = torch.full((), self.step_count, dtype=torch.int64, device=self.compute.device)
            self.step_with(self.random.at(self.step_count), now)
        self.curves.steps_summed += 1
        self.step_count += 1

    def step_with(self, random: Mapping[str, Tensor], now: Tensor) -> None:
        """Compute a step from its random numbers and the number of steps before it, int64 ()."""
        stats, sample = self._model_step(random, now)
        if self.adversaries:
            stats["discriminator"] = self._discriminator_step(random, sample, now)
        self.curves.add(stats)

    def _model_step(self, random: Mapping[str, Tensor], now: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        images = self._images(random["order"], Purpose.DRAWS, self.seeds, now)
        weights, step = self.optimisers["model"].network, now.to(self.compute.dtype)
        frozen = self.optimisers["discriminator"].network if self.adversaries else {}

        def gradients() -> tuple[Tensor, dict[str, Tensor], Tensor]:
            with self._own_chance(Purpose.MODULES):
                total, stats, sample = self.passes.losses(weights | self.buffers, frozen, images, random["noise"], step)
            torch.where(self.alive, total, 0.0).sum().backward()  # type: ignore[no-untyped-call]
            for weight in self.weights.values() if self.program.modules is not None else ():
                if weight.grad is None:  # the modules do not use it
                    weight.grad = torch.zeros_like(weight)
            return total, stats, sample

        total, stats, sample = self._compiled_or_plain(gradients, self.weights)
        self.optimisers["model"].step()
        self._note_failures(total.detach(), now)
        return stats, sample

    def _discriminator_step(self, random: Mapping[str, Tensor], sample: Tensor, now: Tensor) -> Tensor:
        """Algorithm 2 of Kim & Mnih 2018: true codes of the model's batch, permuted codes of a second batch."""
        rows = self.program.adversarial
        images = self._images(random["second_order"], Purpose.DISCRIMINATOR_DRAWS, self.seeds[rows], now)
        model, discriminator = (self.optimisers[part].network for part in ("model", "discriminator"))

        def gradients() -> Tensor:
            with self._own_chance(Purpose.DISCRIMINATOR_MODULES):
                permuted = self.passes.permuted_codes(
                    model | self.buffers, images, random["second_noise"], random["permutation"]
                )
            loss = self.passes.discriminator_losses(discriminator, sample, permuted)
            torch.where(self.alive[rows], loss, 0.0).sum().backward()  # type: ignore[no-untyped-call]
            return loss

        loss = self._compiled_or_plain(gradients, self.discriminator)
        self.optimisers["discriminator"].step()
        spread = torch.zeros(len(self.candidates), dtype=loss.dtype, device=loss.device)
        spread[rows] = loss.detach()
        return spread

    def _images(self, order: Tensor, purpose: Purpose, seeds: Tensor, now: Tensor) -> Tensor:
        keys = keys_of_uses(seeds, purpose, now, order.shape[1]) if self.bank.draws else None
        return self.bank.take(order, batch_first=self.program.batch_first, keys=keys)

    def _compiled_or_plain(self, gradients: Callable[[], T], weights: Mapping[str, Tensor]) -> T:
        """Return what `gradients` gives; where compiled passes fail, the same by the plain ones, from now on."""
        try:
            return gradients()
        except Exception as error:
            if self.passes is self.program or is_out_of_memory(error):
                raise
            give_up(self.compute.device, error)
        self.passes = self.program
        for weight in weights.values():
            weight.grad = None
        return gradients()

    def _note_failures(self, total: Tensor, now: Tensor) -> None:
        failed_now = ~total.isfinite() & (self.failed_step < 0)
        self.failed_step.copy_(torch.where(failed_now, now + 1, self.failed_step))  # in place, for a captured step

    def settle_failures(self) -> None:
        """Freeze the candidates that diverged since the last call: rows of zeros, which stay zeros.

        On a GPU this waits for the device, so it is called now and then. Until then a diverged candidate computes NaN,
        which no other candidate sees.
        """
        failed = (self.failed_step >= 0) & self.alive
        if bool(failed.any()):
            self._freeze(failed)

    def _freeze(self, failed: Tensor) -> None:
        self.alive &= ~failed
        self._alive_count = int(self.alive.sum())
        for name, tensor in self.tensors().items():
            dead = failed[self.program.adversarial] if name.startswith("discriminator") else failed
            tensor[dead] = 0
        self._refresh()

    def _refresh(self) -> None:
        for optimiser in self.optimisers.values():
            optimiser.refresh()

    def settle_broken_weights(self) -> None:
        """Count candidates as diverged whose last update broke the weights while the loss was still finite."""
        finite = torch.ones_like(self.alive)
        for weight in self.weights.values():
            finite &= weight.detach().isfinite().flatten(1).all(1)
        broken = ~finite & (self.failed_step < 0)
        self.failed_step.copy_(torch.where(broken, self.step_count, self.failed_step))
        self.settle_failures()

    @property
    def alive_count(self) -> int:
        """Candidates that have not diverged, as of the last look."""
        return self._alive_count

    def tensors(self) -> dict[str, Tensor]:
        """Weights, moments and buffers by name, stacked over candidates; changes to them change the cohort."""
        found = {f"model/buffer/{name}": tensor for name, tensor in self.buffers.items()}
        for part, optimiser in self.optimisers.items():
            for kind, group in (
                ("weight", optimiser.weights),
                ("first", optimiser.first),
                ("second", optimiser.second),
            ):
                found |= {f"{part}/{kind}/{name}": tensor.detach() for name, tensor in group.items()}
        return found

    def seek(self, step_count: int) -> None:
        """Continue after `step_count` steps; the tensors and failures must be those of that moment."""
        self._freeze(self.failed_step >= 0)  # those that the saved state had not frozen yet
        self.step_count = step_count
        for optimiser in self.optimisers.values():
            optimiser.steps.fill_(step_count)


def _model_settings(candidate: Candidate) -> Settings:
    return (
        candidate.learning_rate,
        candidate.adam_beta1,
        candidate.adam_beta2,
        candidate.adam_epsilon,
        candidate.weight_decay or 0.0,
    )


def _discriminator_settings(candidate: Candidate) -> Settings:
    return (
        candidate.discriminator_learning_rate,
        candidate.discriminator_beta1,
        candidate.discriminator_beta2,
        candidate.adam_epsilon,
        0.0,
    )
