"""MLflow's pages as `selectdis ui` serves them: as they are, but that nothing opens over them by itself.

On its own machine MLflow 3.17 opens a chat beside its first page, over a quarter of it, unless the browser has noted
that this has happened already. No option turns it off, so the page begins with that note. The button for it stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Response

__all__ = ["make_app"]

NOTE = "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1"  # MLflow's own affair; under another name it opens as ever
_SCRIPT = f"<script>try {{ localStorage.setItem('{NOTE}', 'true') }} catch {{}}</script>"


def make_app() -> Any:
    """Return MLflow's application; what `mlflow ui --app-name selectdis` calls."""
    from mlflow.server import app as pages
    from mlflow.server.fastapi_app import app

    pages.after_request(_with_note)
    return app


def _with_note(response: Response) -> Response:
    from flask import request

    if request.endpoint == "serve" and response.mimetype == "text/html":  # the page that is all pages
        response.direct_passthrough = False  # it is sent from its file
        response.set_data(response.get_data().replace(b"<head>", b"<head>" + _SCRIPT.encode(), 1))
    return response
