"""Statistics on tables of records: rules that pick a run, and how far their picks can be trusted.

Pandas in, pandas out: no training, no search, no tracking in here.
"""

from selectdis.records import criterion_names, direction, labelled_datasets, metric_names, pickable, read_records
from selectdis.selection._analysis import AnalysisTable, analysis
from selectdis.selection._backtest import BacktestResult, Picker, backtest
from selectdis.selection._configurations import ConfigurationScore, by_lcb, by_mean, by_median, by_win_rate
from selectdis.selection._correlations import (
    annealing_effect,
    correlation_interval,
    correlation_text,
    dataset_transfer,
    downstream_correlations,
    mean_against_sampled,
    rank_correlations,
)
from selectdis.selection._defaults import default_rules, parse_rule
from selectdis.selection._intervals import moderated_interval, prediction_range, probability_interval
from selectdis.selection._leaderboard import leaderboard, pareto
from selectdis.selection._rules import AverageConfiguration, Pick, RandomRun, Rule
from selectdis.selection._run_choosers import RunChooser, at_random, by_average, by_criterion, by_few_labels
from selectdis.selection._scores import DISENTANGLEMENT, beats, current_score_name, run_scores, score_metrics
from selectdis.selection._stability import rank_stability
from selectdis.selection._transfer_table import transfer_table
from selectdis.selection._trust import Trust, trust
from selectdis.selection._variance import variance_explained
from selectdis.selection.archive._arena import ArenaResult, arena, everything_known, most_families
from selectdis.selection.archive._by_proxies import Evidence, published_evidence
from selectdis.selection.archive._own import add_evidence, contents, remove_evidence
from selectdis.selection.archive._table import evidence
from selectdis.selection.learned._auto import Auto, Choice, auto
from selectdis.selection.learned._calibrated import Calibrated, calibrated
from selectdis.selection.learned._hierarchical import Hierarchical, hierarchical

__all__ = [
    "DISENTANGLEMENT",
    "AnalysisTable",
    "ArenaResult",
    "Auto",
    "AverageConfiguration",
    "BacktestResult",
    "Calibrated",
    "Choice",
    "ConfigurationScore",
    "Evidence",
    "Hierarchical",
    "Pick",
    "Picker",
    "RandomRun",
    "Rule",
    "RunChooser",
    "Trust",
    "add_evidence",
    "analysis",
    "annealing_effect",
    "arena",
    "at_random",
    "auto",
    "backtest",
    "beats",
    "by_average",
    "by_criterion",
    "by_few_labels",
    "by_lcb",
    "by_mean",
    "by_median",
    "by_win_rate",
    "calibrated",
    "contents",
    "correlation_interval",
    "correlation_text",
    "criterion_names",
    "current_score_name",
    "dataset_transfer",
    "default_rules",
    "direction",
    "downstream_correlations",
    "everything_known",
    "evidence",
    "hierarchical",
    "labelled_datasets",
    "leaderboard",
    "mean_against_sampled",
    "metric_names",
    "moderated_interval",
    "most_families",
    "pareto",
    "parse_rule",
    "pickable",
    "prediction_range",
    "probability_interval",
    "published_evidence",
    "rank_correlations",
    "rank_stability",
    "read_records",
    "remove_evidence",
    "run_scores",
    "score_metrics",
    "transfer_table",
    "trust",
    "variance_explained",
]
