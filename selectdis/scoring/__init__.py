"""Scores: of an encoder, of saved codes, of a trained run, and of many runs together."""

from selectdis.scoring._evaluation import Evaluation, encode_in_batches, evaluate
from selectdis.scoring._ranked_codes import rank_codes
from selectdis.scoring._saved_codes import evaluate_codes, load_codes, load_runs

__all__ = ["Evaluation", "encode_in_batches", "evaluate", "evaluate_codes", "load_codes", "load_runs", "rank_codes"]
