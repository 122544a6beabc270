"""The report of a study: one self-contained HTML page."""

from selectdis.report._page import render, write_records_report, write_report

__all__ = ["render", "write_records_report", "write_report"]
