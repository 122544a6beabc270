"""Configurations in words: the objective, and the settings in which configurations of a table differ."""

from __future__ import annotations

from typing import Any

import pandas as pd

__all__ = ["settings_of", "with_settings"]

PARAMETERS = ("architecture", "latents", "learning_rate", "batch_size", "width", "steps")


def settings_of(records: pd.DataFrame) -> pd.Series:
    """Configuration -> words such as ``"beta_vae beta=4 latents=10"``; what all of an objective share is left out."""
    table = records.drop_duplicates("configuration").set_index("configuration")
    varying = [name for name in PARAMETERS if name in table and table[name].nunique() > 1]
    words = {name: [str(row["objective"])] for name, row in table.iterrows()}
    for _, group in table.groupby("objective"):
        strengths = [column for column in map(str, group) if column.startswith("strength.")]
        own = [column for column in strengths if group[column].nunique() > 1]
        for name, row in group.iterrows():
            words[name] += [f"{column.removeprefix('strength.')}={_short(row[column])}" for column in [*own, *varying]]
    return pd.Series({name: " ".join(parts) for name, parts in words.items()}, name="settings")


def with_settings(board: pd.DataFrame, records: pd.DataFrame) -> pd.DataFrame:
    """`board` with the column `settings` behind its configurations."""
    if records.empty or "configuration" not in board:
        return board
    board = board.copy()
    board.insert(list(board.columns).index("configuration") + 1, "settings", _looked_up(board, records))
    return board


def _looked_up(board: pd.DataFrame, records: pd.DataFrame) -> pd.Series:
    return board["configuration"].map(settings_of(records))


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
