"""What a run was made of: code, versions, device, data. Two runs that differ in it are no controlled comparison."""

import json
import platform
import subprocess
import sys
from pathlib import Path

from exprun import __version__
from exprun.tracking.store import without_password
from exprun.trainer.events import Event, RunStarted

FILE = "environment.json"
LIBRARIES = ("tensorflow", "keras", "numpy")


class Environment:
    """Writes `environment.json` when a run starts.

    Args:
        folder: of the run.
        command: repeats it.
    """

    def __init__(self, folder: Path, command: str) -> None:
        self.folder, self.command = folder, command

    def __call__(self, event: Event) -> None:
        """Take an event."""
        if isinstance(event, RunStarted):
            found = environment(self.folder, self.command) | {
                "device": event.device,
                "precision": event.precision,
                "data_fingerprint": event.data_fingerprint,
                "weights_fingerprint": event.weights_fingerprint,
                "parameters": str(event.parameters),
            }
            (self.folder / FILE).write_text(json.dumps(found, indent=1), encoding="utf-8")


def environment(folder: Path, command: str) -> dict[str, str]:
    """What can be known before a network is built; what is not known is empty."""
    commit, dirty = git_state()
    return {
        "version": __version__,
        "command": without_password(command),
        "run_dir": str(folder),
        "python": platform.python_version(),
        **{name: str(getattr(sys.modules.get(name), "__version__", "")) for name in LIBRARIES},
        "commit": commit or "",
        "git_dirty": str(dirty).lower() if commit else "",
    }


def read_environment(folder: Path) -> dict[str, str]:
    """What a run wrote when it started; empty where it has not, or the file cannot be read."""
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def git_state() -> tuple[str | None, bool]:
    """The commit of the working folder and whether files differ from it; (None, False) outside of git."""
    commit = _git("rev-parse", "HEAD")
    return (commit, bool(_git("status", "--porcelain"))) if commit else (None, False)


def _git(*words: str) -> str | None:
    try:
        done = subprocess.run(["git", *words], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
