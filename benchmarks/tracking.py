"""What tracking costs a study: python benchmarks/tracking.py [STUDY FILE]

Runs the study (by default the quickstart, with its transfer) in a temporary folder and counts what MLflow's listener
takes: seconds in which the driver waits for it, and processor seconds of its background thread, both as shares of the
study. Quiet machine: the shares are of wall time.
"""

import sys
import tempfile
import time
from pathlib import Path

from selectdis.study import Study
from selectdis.tracking import MLflowListener
from selectdis.tracking._sender import Sender

EVENTS = ("stage_started", "run_finished", "stage_finished", "picked", "close")
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


def main():
    Sender._work = counted(Sender._work)
    for event in EVENTS:
        setattr(MLflowListener, event, timed(event, getattr(MLflowListener, event)))
    file = sys.argv[1] if len(sys.argv) > 1 else "studies/quickstart.yaml"
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        study = Study.from_file(file, folder=Path(folder) / "study")
        study.run()
        if study.spec.target is not None:
            study.transfer()
        total = time.perf_counter() - start
    waited = sum(spent[event] for event in EVENTS)
    print(f"study {total:.1f} s; driver waits {waited:.2f} s ({waited / total:.1%})")
    for name, seconds in spent.items():
        print(f"  {name:15} {seconds:6.2f} s  {seconds / total:.2%}")


if __name__ == "__main__":
    main()
