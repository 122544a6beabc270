"""`selectdis run`: the search on the proxy."""

from __future__ import annotations

from selectdis.cli._common import (
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
)

__all__ = ["run"]


def run(
    file: FileArgument,
    overrides: OverridesArgument = None,
    folder: FolderOption = None,
    jobs: JobsOption = None,
    scheduler: SchedulerOption = None,
    storage: StorageOption = None,
    quiet: QuietOption = False,
) -> None:
    """Train and score the search of a study on its labelled proxy; go on where it stopped."""
    study = open_study(file, folder, storage, jobs, scheduler, overrides)
    with ProgressListener(quiet) as progress:
        study.run(listeners=[progress])
    print_board(study.leaderboard(), title=f"{study.name}: configurations on the proxy {study.proxy_names}")
    if not quiet:
        target = "" if study.spec.target else " --target NAME"
        print(f"kept in {study.folder}; next: {again('transfer', file, folder, storage, study)}{target}")
