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
    QuietOption,
    SchedulerOption,
    StorageOption,
    again,
    open_study,
    say_time,
)
from selectdis.cli.console import Said, Table, boards, show

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
    from selectdis.cli.console._bar import ProgressListener
    from selectdis.selection import rank_stability

    study = open_study(file, folder, storage, jobs, scheduler, overrides)
    say_time(study.estimate, quiet=quiet, dry_run=dry_run)
    with ProgressListener(quiet) as progress:
        study.run(scores=scores, listeners=[progress])
    if not scores:
        print(f"trained in {study.folder}, not scored; here or where it is copied to: {again('run', study.folder)}")
        return
    title = f"{study.name}: configurations on the proxy {study.proxy_names}"
    told: list[Table | Said] = [*boards(study.leaderboard(), name="proxy", title=title)]
    on_the_way = study.records_on_the_way
    if not on_the_way.empty:
        title = "rank correlation of runs with their ranks after the last step"
        told.append(Table("on the way", rank_stability(on_the_way), title))
    show(told)
    if not quiet:
        target = "" if study.spec.target else " --target NAME"
        print(f"kept in {study.folder}; next: {again('transfer', file, folder, storage, study)}{target}")
