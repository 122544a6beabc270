"""Where a study is kept, and the one place that knows Optuna's storages: folders, journals, databases, identity."""
