"""MLflow's databases without the seconds that MLflow takes to make one: a copy of one that it has made."""

import shutil

import pytest

from selectdis.tracking import _store as store_module
from selectdis.tracking._own_database import mend_database, own_database

__all__ = ["quick_databases"]


@pytest.fixture(autouse=True, scope="session")
def quick_databases(tmp_path_factory):
    """A study's folder without a database gets an empty one, as MLflow would make it there."""
    template = tmp_path_factory.mktemp("template") / "mlflow.db"

    def with_tables(folder, study_id):
        mend_database(folder, study_id)
        if not own_database(folder).exists():
            if not template.exists():
                from mlflow import MlflowClient

                MlflowClient(tracking_uri=f"sqlite:///{template}").search_experiments()
            shutil.copyfile(template, own_database(folder))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_module, "mend_database", with_tables)
        yield
