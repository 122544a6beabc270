"""A tracker of your own: a listener that writes one line of JSON a run.

python examples/listen_to_a_study.py [--steps 300]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import selectdis as sd


class JsonLines(sd.Listener):
    """Appends each finished run's identity, status and MIG to a file; as an entry point it could be `tracking:`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run_finished(self, study: sd.Study, stage: Any, record: dict[str, Any], run: sd.Run | None) -> None:
        line = {key: record.get(key) for key in ("candidate", "dataset", "status", "metric.mig")}
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def main(steps: int, folder: Path) -> list[dict[str, Any]]:
    """Run a study of four runs; returns the lines."""
    listener = JsonLines(folder / "runs.jsonl")
    study = sd.Study(
        {
            "name": "listened",
            "proxy": {"name": "sprites", "image_size": 16, "sizes": [2, 2, 1, 6, 6]},
            "search": {"objective": {"beta_vae": {"beta": [1, 4]}}, "architecture": "fc", "width": 32, "latents": 4},
            "seeds": 2,
            "training": {"steps": steps},
            "evaluation": {"metrics": ["mig"]},
            "tracking": None,
        },
        folder=folder / "study",
        n_jobs=1,
    )  # fmt: skip
    study.run(listeners=[listener])
    lines = [json.loads(line) for line in listener.path.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        print(line)
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300)
    with tempfile.TemporaryDirectory() as temporary:
        main(parser.parse_args().steps, Path(temporary))
