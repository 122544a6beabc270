"""What scoring a run costs, now and at an earlier commit, in one interleaved run.

    python benchmarks/scoring.py [--against f0cae2e~1] [--rounds 3] [--n-train 5000] [--pixels 64]

A convolutional run of five steps is scored as a study scores it, by the fast metrics, on dSprites drawn at 64 pixels.
Each turn is a fresh process of one side with as many threads as there are cores; the sides take turns. What a study
does once for all runs is timed apart ("draws"). Printed are seconds by the clock and of CPU, the ratio of the medians,
and the largest difference between the scores of both sides.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TURN = """
import json, sys, time
import torch
torch.set_num_threads(int(sys.argv[3]))
import selectdis as sd
from selectdis.scoring._scorer import Scorer
from selectdis.spec import EvaluationSpec
data = sd.load_dataset("dsprites", image_size=int(sys.argv[2]))
candidate = sd.Candidate(objective="beta_vae", strengths={"beta": 4}, architecture="conv", seed=0)
run = sd.train([candidate], data, steps=5, device="cpu", n_jobs=1)[0]
n_train = int(sys.argv[1])
spec = EvaluationSpec(metrics=["fast"], criteria=[], sampled=False, n_train=n_train, n_test=n_train // 2)
scorer = Scorer(data, spec)
start = time.perf_counter()
scorer.evaluation.indices, scorer.needed
if hasattr(scorer, "prepare"):
    scorer.prepare()
drawn, clock, cpu = time.perf_counter() - start, time.perf_counter(), time.process_time()
scores = scorer.score(run)[0]
print(json.dumps({
    "images": len(scorer.needed), "draws": drawn,
    "seconds": time.perf_counter() - clock, "cpu": time.process_time() - cpu,
    "scores": {k: v for k, v in scores.items() if k.startswith(("metric.", "criterion.")) and v == v},
}))
"""


def turn(tree: Path, options: argparse.Namespace) -> dict:
    """Score a run once with the package in `tree`."""
    numbers = [str(n) for n in (options.n_train, options.pixels, options.threads)]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", TURN, *numbers],
        env={**os.environ, "PYTHONPATH": str(tree)},
        cwd=tree,
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Let both sides take turns, and print what they took."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--against", default="f0cae2e~1", help="a commit")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--n-train", type=int, default=5000)
    parser.add_argument("--pixels", type=int, default=64)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        earlier = Path(folder) / "earlier"
        subprocess.run(["git", "worktree", "add", "-q", "--detach", earlier, options.against], cwd=ROOT, check=True)
        try:
            sides: dict[str, list[dict]] = {options.against: [], "now": []}
            for _ in range(options.rounds):
                for side, tree in ((options.against, earlier), ("now", ROOT)):
                    sides[side].append(turn(tree, options))
                    last = sides[side][-1]
                    print(f"{side}: {last['seconds']:.1f} s, {last['cpu']:.1f} s of CPU", flush=True)
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", earlier], cwd=ROOT, check=True)
    before, now = sides.values()
    print(f"{platform.processor() or platform.machine()}, {options.threads} threads, {now[0]['images']:,} images")
    for what in ("seconds", "cpu", "draws"):
        old, new = (statistics.median(one[what] for one in side) for side in (before, now))
        print(f"{what}: {old:.1f} -> {new:.1f}, {old / max(new, 1e-9):.2f} times faster")
    shared = before[0]["scores"].keys() & now[0]["scores"].keys()
    apart = max(abs(before[0]["scores"][name] - now[0]["scores"][name]) for name in shared)
    print(f"{len(shared)} scores, at most {apart:.1e} apart")


if __name__ == "__main__":
    main()
