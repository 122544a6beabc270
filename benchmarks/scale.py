"""What a large study costs beside its training: driver time and memory a run, with a trainer that trains nothing.

    python benchmarks/scale.py [--runs 1575 3150 6300 12600] [--seeds 50] [--folder /tmp/selectdis-scale]

Every size is a process of its own. Columns: seconds of `Study.run` and milliseconds a run (queue, journal, records and
telling the sampler; tracking off), seconds of a second `run` that has nothing to do, seconds to read the records and
for the leaderboards and the backtest, peak memory, and the size of the journal. Records are as large as real ones.
With --pool the time of `Study.run` includes the criteria over many runs, on made-up codes.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

LATENTS = 10
PROBE = 200  # codes a run; with 1,000 they need five times the disk and the time of UDR
METRICS = ("beta_vae", "factor_vae", "mig", "dci_disentanglement", "modularity", "sap", "explicitness", "irs")
CRITERIA = ("reconstruction", "kl", "elbo", "gaussian_tc", "gaussian_wasserstein", "mutual_information")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, nargs="+", default=[1_575, 3_150, 6_300, 12_600])
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--sampler", default="grid", choices=["grid", "random", "tpe"])
    parser.add_argument("--pool", action="store_true", help="with the criteria over many runs")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/selectdis-scale"))
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options)))
        return
    print("| runs | run s | ms a run | again s | records s | leaderboard s", end="")
    print(" | by run s | backtest s | peak MB | journal MB |\n" + "|---" * 10 + "|")
    for runs in options.runs:
        arguments = [sys.executable, __file__, "--measure", str(runs), *sys.argv[1:]]
        done = subprocess.run(arguments, capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        print("| " + " | ".join(str(value) for value in json.loads(done.stdout.splitlines()[-1])) + " |", flush=True)


def measure(runs: int, options: argparse.Namespace) -> list[float]:
    import pandas as pd

    import selectdis as sd
    import selectdis.study._batch as batch_module
    import selectdis.study._stage as stage_module
    from selectdis import selection
    from selectdis.execution._study_jobs import run_jobs

    if not options.pool:
        stage_module.pool_criteria = lambda *_: {}
    batch_module.run_jobs = lambda jobs, more, **_: run_jobs(jobs, more, n_jobs=1, work=fake_work(options.pool))
    shutil.rmtree(options.folder, ignore_errors=True)
    values = np.linspace(1, 16, runs // options.seeds // 6).tolist()
    spec = spec_of(values, options)

    def make() -> Any:
        return sd.Study(spec, folder=options.folder, n_jobs=1)

    run = timed(lambda: make().run())
    again = timed(lambda: make().run())
    study = make()
    records = timed(lambda: study.records)
    frame = study.records
    by_configuration = timed(lambda: selection.leaderboard(frame, by="configuration"))
    by_run = timed(lambda: selection.leaderboard(frame, by="run"))
    other = frame.assign(dataset="another")
    backtest = timed(lambda: selection.backtest(pd.concat([frame, other])))
    assert len(frame) == runs, (len(frame), runs)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    journal = (options.folder / "study.log").stat().st_size / 2**20
    seconds = [round(value, 2) for value in (again, records, by_configuration, by_run, backtest)]
    return [runs, round(run, 1), round(1000 * run / runs, 2), *seconds, round(peak), round(journal)]


def spec_of(values: list[float], options: argparse.Namespace) -> dict[str, Any]:
    names = {"beta_vae": "beta", "annealed_vae": "c_max", "factor_vae": "gamma", "dip_vae_i": "lambda_od"}
    names |= {"dip_vae_ii": "lambda_od", "beta_tc_vae": "beta"}
    sampler = {"sampler": options.sampler}
    if options.sampler != "grid":
        sampler["trials"] = 6 * len(values)
    return {
        "name": "scale",
        "proxy": {"name": "sprites", "image_size": 16, "sizes": {"shape": 2, "scale": 2, "x": 4, "y": 4}},
        "search": {"objective": {name: {own: values} for name, own in names.items()}, "latents": [LATENTS], **sampler},
        "seeds": options.seeds,
        "training": {"device": "cpu"},
        "evaluation": {"probe": PROBE},
        "tracking": "none",
    }


def fake_work(with_codes: bool) -> Callable[[Any, Any], list[dict[str, Any]]]:
    from selectdis.execution import _recording as recording

    def work(job: Any, stop: Any) -> list[dict[str, Any]]:
        records = []
        for candidate in job.candidates:
            rng = np.random.default_rng(int(candidate.id.split("-")[1], 16) + candidate.seed)
            record = recording.describe(candidate, job) | {"status": "complete", "failed_step": None, "seconds": 1.0}
            for name in METRICS:
                record |= {f"metric.{name}": rng.random(), f"metric.{name}.sampled": rng.random()}
            for name in CRITERIA:
                record |= {f"criterion.{name}": rng.random(), f"criterion.{name}.sampled": rng.random()}
            records.append(record | {"kl_per_latent": rng.random(LATENTS).tolist()})
            if with_codes:
                codes = rng.standard_normal((PROBE, LATENTS)).astype(np.float32)
                recording.write_codes(job.folder, job.data, candidate.id, codes)
        return records

    return work


def timed(action: Callable[[], Any]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
