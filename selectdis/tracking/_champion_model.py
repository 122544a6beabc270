"""What MLflow executes to load a champion: copied into the model, never imported by selectdis itself."""

from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel


class Champion(PythonModel):
    """Images uint8 (n, channels, height, width) in, mean codes float32 (n, latents) out."""

    def load_context(self, context: Any) -> None:
        from selectdis.training import Run

        self._run = Run.load(context.artifacts["run"])

    # Of all types, MLflow takes an array's for no schema: the model has its signature.
    def predict(self, context: Any, model_input: np.ndarray, params: Any = None) -> np.ndarray:
        return self._run.transform(np.asarray(model_input, dtype=np.uint8))


set_model(Champion())
