"""What a few labels are worth: picks by them on data sets that have all labels, from the codes that runs left."""

from selectdis.selection.few_labels._backtest import LabelBacktest, backtest_labels
from selectdis.selection.few_labels._draws import LabelDraw, draw_images
from selectdis.selection.few_labels._probe_codes import ProbeCodes, read_probe_codes, with_gaps
from selectdis.selection.few_labels._worth import in_resamples, label_worth, worth_sentence

__all__ = [
    "LabelBacktest", "LabelDraw", "ProbeCodes", "backtest_labels", "draw_images", "in_resamples", "label_worth",
    "read_probe_codes", "with_gaps", "worth_sentence",
]  # fmt: skip
