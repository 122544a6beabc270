"""What the MLflow view costs: python benchmarks/tracking.py [--study FILE] [--runs 600]

Two questions, in a temporary folder on this machine:

- Runs the study (by default the quickstart, with its transfer) and counts what its listener takes: seconds in which the
  driver waits for it, and processor seconds of its background thread, both as shares of the study.
- Shows a study of many runs (made up: nothing is trained, but every run has a file with its curves) in an empty
  database as `selectdis track` does, then asks again, where nothing is missing; counts trained runs that are loaded.
"""

import argparse
import shutil
import tempfile
import time
import warnings
from pathlib import Path

import selectdis.study._batch as batch_module
from selectdis.execution import train
from selectdis.execution._recording import describe
from selectdis.execution._study_jobs import run_jobs
from selectdis.scoring._files import model_path
from selectdis.study import Study
from selectdis.tracking import MLflowListener, track
from selectdis.tracking._listener import Sender
from selectdis.training import Run

EVENTS = ("stage_started", "recorded", "close")
spent = dict.fromkeys((*EVENTS, "thread"), 0.0)


def timed(name, method):
    def call(*arguments):
        start = time.perf_counter()
        try:
            return method(*arguments)
        finally:
            spent[name] += time.perf_counter() - start

    return call


def counted(work):
    def call(self):
        start = time.thread_time()
        try:
            work(self)
        finally:
            spent["thread"] += time.thread_time() - start

    return call


def cost_of_the_listener(file, folder):
    work = Sender._work
    Sender._work = counted(work)
    for event in EVENTS:
        setattr(MLflowListener, event, timed(event, getattr(MLflowListener, event)))
    start = time.perf_counter()
    study = Study.from_file(file, folder=folder)
    study.run()
    if study.spec.target is not None:
        study.transfer()
    total = time.perf_counter() - start
    waited = sum(spent[event] for event in EVENTS)
    print(f"study {total:.1f} s; driver waits {waited:.2f} s ({waited / total:.1%})")
    for name, seconds in spent.items():
        print(f"  {name:15} {seconds:6.2f} s  {seconds / total:.2%}")


def made_up_study(runs, folder):
    """A study with the records and the files of `runs` runs; only one of them was trained, for a few steps."""
    sizes = {"shape": 2, "scale": 2, "orientation": 1, "x": 4, "y": 4}
    search = {"objective": {"beta_vae": {"beta": list(range(1, runs // 5 + 1))}}, "architecture": "fc", "width": [8]}
    spec = {"name": "many", "proxy": {"name": "sprites", "image_size": 16, "sizes": sizes}, "seeds": 5}
    study = Study(spec | {"search": search, "training": {"steps": 100}, "tracking": None}, folder=folder, n_jobs=1)
    one = folder / "one.safetensors"

    def work(job, stop):
        if not one.exists():
            train([job.candidates[0]], job.data.load(), steps=100, device="cpu")[0].save(one)
        records = []
        for n, candidate in enumerate(job.candidates):
            path = model_path(job.folder, job.data, candidate.id)
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(one, path)
            state = {"status": "complete", "failed_step": None, "seconds": 1.5, "kl_per_latent": [1.0] * 10}
            scores = {f"metric.{name}": (n + 1) / 100 for name in ("mig", "sap", "dci_disentanglement", "irs")}
            records.append(describe(candidate, job) | state | scores | {"criterion.active_units": 3.0})
        return records

    batch_module.run_jobs = lambda jobs, more, **_: run_jobs(jobs, more, n_jobs=1, work=work)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # there are no codes for the criteria over many runs
        return study.run()


def cost_of_asking(runs, folder):
    study = made_up_study(runs, folder)
    load, loaded = Run.load, []
    Run.load = lambda path: (loaded.append(path), load(path))[1]
    for what in ("an empty database", "one that has them all"):
        loaded.clear()
        start, used = time.perf_counter(), time.process_time()
        shown = track(Study(study.spec, folder=folder))
        seconds, used = time.perf_counter() - start, time.process_time() - used
        print(
            f"track, {runs} runs, {what}: {seconds:.1f} s, of which {used:.1f} s of processor; sent {shown.sent}, ",
            end="",
        )
        print(f"trained runs loaded {len(loaded)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", default="studies/quickstart.yaml", help="study file, or none")
    parser.add_argument("--runs", type=int, default=600)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        if options.study != "none":
            cost_of_the_listener(options.study, Path(temporary) / "study")
        cost_of_asking(options.runs, Path(temporary) / "many")


if __name__ == "__main__":
    main()
