"""Where MLflow keeps runs. Imports nothing heavy, so the command line can say it at once."""

import json
import os
import re
from pathlib import Path
from typing import Any

OUTPUTS = Path("outputs")
NOTE = "tracking.json"
REPLACED = "replaced"  # folder, in that of a sweep, of runs that were trained anew
PLACES = ("runs/*", "sweeps/*/*", "explain/*/*")  # folders of runs below it


def note_of(folder: Path) -> dict[str, Any]:
    """What the folder of a run or of a sweep says of its run in MLflow; nothing where it has none, or it is damaged."""
    try:
        found = json.loads((folder / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def tracking_uri(uri: str | None) -> str:
    """The tracking URI: of the config, of MLFLOW_TRACKING_URI, or the SQLite store under outputs/."""
    return uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(OUTPUTS / 'mlflow.db').resolve()}"


def artifact_root(uri: str) -> str | None:
    """Where artifacts of a new experiment go: beside the default store; a server decides for itself."""
    return (OUTPUTS / "mlartifacts").resolve().as_uri() if uri.startswith("sqlite:") else None


def without_password(text: str) -> str:
    """A URI, or text with URIs in it, as it may be shown and logged."""
    return re.sub(r"://[^\s/@'\"]*@", "://***@", text)
