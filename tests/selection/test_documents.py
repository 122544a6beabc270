"""README.md and docs/selection.md hold what benchmarks/published_numbers.py prints."""

import re
from pathlib import Path

import pytest

from benchmarks import published_numbers
from selectdis.selection import backtest, read_records

ROOT = Path(__file__).parents[2]


def words(file):
    return re.sub(r"\s+", " ", (ROOT / file).read_text())


@pytest.fixture(scope="module")
def result():
    return backtest(read_records(published_numbers.SOURCE))


def test_the_tables_are_those_of_the_published_records(result):
    page = words("docs/selection.md")
    assert re.sub(r"\s+", " ", published_numbers.readme(result)) in words("README.md")
    for make in (published_numbers.rules, published_numbers.gains, published_numbers.paper):
        assert re.sub(r"\s+", " ", make(result)) in page


def test_the_rows_by_number_of_proxies_are_too(monkeypatch):
    monkeypatch.setattr(published_numbers, "BY_PROXIES", ["win_rate > udr_lasso"])
    for row in published_numbers.proxies().splitlines():
        assert row.replace("  ", " ") in words("docs/selection.md") or row.startswith("|---")
