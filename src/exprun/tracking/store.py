"""Where MLflow keeps runs. Imports nothing heavy, so the command line can say it at once."""

import os
import re
from pathlib import Path

OUTPUTS = Path("outputs")


def tracking_uri(uri: str | None) -> str:
    """The tracking URI: of the config, of MLFLOW_TRACKING_URI, or the SQLite store under outputs/."""
    return uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(OUTPUTS / 'mlflow.db').resolve()}"


def artifact_root(uri: str) -> str | None:
    """Where artifacts of a new experiment go: beside the default store; a server decides for itself."""
    return (OUTPUTS / "mlartifacts").resolve().as_uri() if uri.startswith("sqlite:") else None


def without_password(text: str) -> str:
    """A URI, or text with URIs in it, as it may be shown and logged."""
    return re.sub(r"://[^\s/@'\"]*@", "://***@", text)
