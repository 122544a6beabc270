"""`selectdis score`: metrics of codes and factors that somebody saved."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selectdis.cli._common import JsonOption
from selectdis.cli._output import check_out, written
from selectdis.cli.console import Said, Table, show

__all__ = ["score"]


def score(
    codes: Annotated[
        Path, typer.Argument(help="Codes (n, latents): .npy, .csv, or .npz, .pt with `codes`, and `factors`.")
    ],
    factors: Annotated[
        Path | None, typer.Argument(help="Factors (n, n_factors): .npy, .csv, or .npz or .pt with `factors`.")
    ] = None,
    metrics: Annotated[list[str] | None, typer.Option("--metric", help="Metric or group; may be given often.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of what the metrics draw.")] = 0,
    bins: Annotated[int | None, typer.Option(min=2, help="Cut continuous factors into so many equal bins.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the scores to this JSON file as well.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Score saved codes against saved factors with every metric that needs no new images."""
    import json

    import pandas as pd

    from selectdis.scoring import evaluate_codes, load_codes

    check_out(out)
    scores = evaluate_codes(*load_codes(codes, factors), metrics=metrics or "all", seed=seed, bins=bins)
    table = pd.DataFrame({"metric": scores.keys(), "score": scores.values()})
    told: list[Table | Said] = [Table("scores", table, str(codes), None)]
    if out is not None:
        with written(out) as file:
            file.write_text(json.dumps(scores, indent=2), encoding="utf-8")
        told.append(Said("wrote", f"wrote {out}", str(out)))
    show(told, as_json=as_json)
