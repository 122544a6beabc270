from tests.cli.conftest import call
from tests.study.conftest import no_training

__all__ = ["call", "no_training"]
