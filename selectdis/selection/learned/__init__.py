"""Choosers of runs that learn on the proxies: a regression, a random-effects model, and which rule to go by."""
