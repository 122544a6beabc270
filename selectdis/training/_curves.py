"""Training curves: the mean of every statistic over each interval of steps, kept on the device until it is read."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

__all__ = ["Curves"]


class Curves:
    """Sums of the statistics since the last point, and the points so far, for K candidates."""

    def __init__(self, candidates: int, device: torch.device) -> None:
        self._candidates, self._device = candidates, device
        self.sums: dict[str, Tensor] = {}
        self.steps_summed = 0
        self.points: dict[str, list[np.ndarray]] = {}  # name -> one (K,) or (K, L) array a point
        self.steps: list[int] = []

    def add(self, stats: Mapping[str, Tensor]) -> None:
        """Add one step's statistics, each (K,) or (K, L); whoever does counts the step in `steps_summed`."""
        for name, value in stats.items():
            if name not in self.sums:
                self.sums[name] = torch.zeros_like(value, dtype=torch.float64)
            self.sums[name] += value

    def close_point(self, step: int) -> None:
        """End an interval at `step` (steps done); reads from the device."""
        if not self.steps_summed:
            return
        for name, value in self.sums.items():
            self.points.setdefault(name, []).append((value / self.steps_summed).cpu().numpy())
            value.zero_()  # in place, where a captured step finds it
        self.steps.append(step)
        self.steps_summed = 0

    def arrays(self) -> dict[str, np.ndarray]:
        """Points and running sums as arrays with a leading axis of candidates."""
        points = {f"curves/{name}": np.stack(points, axis=1) for name, points in self.points.items()}  # (K, points, ..)
        return points | {f"sums/{name}": value.cpu().numpy() for name, value in self.sums.items()}

    def restore(self, arrays: Mapping[str, np.ndarray], steps: list[int], steps_summed: int) -> None:
        """Take over what `arrays` gave."""
        named = {name: name.partition("/") for name in arrays}
        self.points = {n: list(np.swapaxes(arrays[f], 0, 1)) for f, (kind, _, n) in named.items() if kind == "curves"}
        self.sums = {
            name: torch.from_numpy(arrays[full].copy()).to(self._device)
            for full, (kind, _, name) in named.items()
            if kind == "sums"
        }
        self.steps, self.steps_summed = list(steps), steps_summed

    def of(self, row: int, terms: tuple[str, ...], until: int | None) -> dict[str, np.ndarray]:
        """Return the curves of one candidate: "step" and the named terms, up to the step `until` where it failed."""
        steps = np.asarray(self.steps, dtype=np.int64)
        keep = steps < until if until is not None else np.ones(len(steps), dtype=bool)
        curves = {"step": steps[keep]}
        for name in terms:
            if name in self.points:
                curves[name] = np.stack([point[row] for point in self.points[name]])[keep]
        return curves
