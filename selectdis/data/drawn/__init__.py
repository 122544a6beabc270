"""Data sets that are drawn here, with exact factors."""
