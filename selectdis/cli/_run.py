"""`selectdis run`: the search on the proxy."""

from __future__ import annotations

from typing import Annotated

import typer

from selectdis.cli._common import (
    DryRunOption,
    FileArgument,
    FolderOption,
    JobsOption,
    OverridesArgument,
    ProgressListener,
    QuietOption,
    SchedulerOption,
    StorageOption,
    again,
    open_study,
    print_board,
    print_table,
    say_time,
)
from selectdis.selection import rank_stability

__all__ = ["run"]

ScoresOption = Annotated[
    bool, typer.Option("--scores/--no-scores", help="Score the runs, or leave that to a later call, here or elsewhere.")
]


def run(
    file: FileArgument,
    overrides: OverridesArgument = None,
    folder: FolderOption = None,
    jobs: JobsOption = None,
    scheduler: SchedulerOption = None,
    storage: StorageOption = None,
    scores: ScoresOption = True,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
) -> None:
    """Train and score the search of a study on its labelled proxy; go on where it stopped."""
    study = open_study(file, folder, storage, jobs, scheduler, overrides)
    say_time(study.estimate, quiet=quiet, dry_run=dry_run)
    with ProgressListener(quiet) as progress:
        study.run(scores=scores, listeners=[progress])
    if not scores:
        print(f"trained in {study.folder}, not scored; here or where it is copied to: {again('run', study.folder)}")
        return
    print_board(study.leaderboard(), title=f"{study.name}: configurations on the proxy {study.proxy_names}")
    on_the_way = study.records_on_the_way
    if not on_the_way.empty:
        print_table(rank_stability(on_the_way), title="rank correlation of runs with their ranks after the last step")
    if not quiet:
        target = "" if study.spec.target else " --target NAME"
        print(f"kept in {study.folder}; next: {again('transfer', file, folder, storage, study)}{target}")
