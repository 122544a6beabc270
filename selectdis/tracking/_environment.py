"""Where a study ran: versions, device, git commit. And what keeps MLflow quiet and quick to give up."""

from __future__ import annotations

import getpass
import logging
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version

__all__ = ["environment_tags", "quieten_mlflow"]

_PACKAGES = ("selectdis", "torch", "optuna", "mlflow", "numpy", "scikit-learn")


def environment_tags(device: str | None = None) -> dict[str, str]:
    """Return the tags that every MLflow run of this process carries.

    Parameters
    ----------
    device : str, optional
        What training was asked to use; ``auto`` or None is resolved here.

    Returns
    -------
    dict of str to str
    """
    tags = {f"version.{name}": _version(name) for name in _PACKAGES}
    tags |= {"version.python": platform.python_version(), "selectdis.device": _device(device)}
    tags |= {"mlflow.source.name": "selectdis", "mlflow.source.type": "PROJECT", "mlflow.user": _user()}
    commit = _git_commit()
    return tags | {"mlflow.source.git.commit": commit} if commit else tags


def quieten_mlflow() -> None:
    """Ask MLflow, before it is imported, for short timeouts and no telemetry; what the user has set stays."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    logging.getLogger("alembic").setLevel(logging.WARNING)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _device(device: str | None) -> str:
    import torch

    if device not in (None, "auto") and not str(device).startswith("cuda"):
        return str(device)
    if torch.cuda.is_available():
        return f"cuda ({torch.cuda.get_device_name()})"
    return f"cpu ({platform.machine()})"


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return "unknown"


def _git_commit() -> str | None:
    """Return the commit that the working directory is at, if it is in a git repository."""
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
