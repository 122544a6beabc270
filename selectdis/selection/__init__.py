"""Statistics on tables of records: rules that pick a run, and how far their picks can be trusted.

Pandas in, pandas out: no training, no search, no tracking in here.
"""

from selectdis.selection.analysis import AnalysisTable, analysis
from selectdis.selection.backtest import BacktestResult, Picker, backtest
from selectdis.selection.calibrated import Calibrated, calibrated
from selectdis.selection.configurations import ConfigurationScore, by_lcb, by_mean, by_mean_rank, by_median
from selectdis.selection.correlations import (
    annealing_effect,
    dataset_transfer,
    downstream_correlations,
    mean_against_sampled,
    rank_correlations,
)
from selectdis.selection.defaults import default_rules, parse_rule
from selectdis.selection.directions import direction
from selectdis.selection.intervals import moderated_interval
from selectdis.selection.leaderboard import leaderboard
from selectdis.selection.published import transfer_table
from selectdis.selection.rules import AverageConfiguration, Pick, RandomRun, Rule
from selectdis.selection.runs import RunChooser, at_random, by_criterion, by_few_labels
from selectdis.selection.scores import DISENTANGLEMENT, beats, run_scores, score_metrics
from selectdis.selection.tables import criterion_names, labelled_datasets, metric_names, pickable, read_records
from selectdis.selection.trust import Trust, trust
from selectdis.selection.variance import variance_explained

__all__ = [
    "DISENTANGLEMENT",
    "AnalysisTable",
    "AverageConfiguration",
    "BacktestResult",
    "Calibrated",
    "ConfigurationScore",
    "Pick",
    "Picker",
    "RandomRun",
    "Rule",
    "RunChooser",
    "Trust",
    "analysis",
    "annealing_effect",
    "at_random",
    "backtest",
    "beats",
    "by_criterion",
    "by_few_labels",
    "by_lcb",
    "by_mean",
    "by_mean_rank",
    "by_median",
    "calibrated",
    "criterion_names",
    "dataset_transfer",
    "default_rules",
    "direction",
    "downstream_correlations",
    "labelled_datasets",
    "leaderboard",
    "mean_against_sampled",
    "metric_names",
    "moderated_interval",
    "parse_rule",
    "pickable",
    "rank_correlations",
    "read_records",
    "run_scores",
    "score_metrics",
    "transfer_table",
    "trust",
    "variance_explained",
]
