"""The environment of a run: its code, versions, device and data.

Runs that differ in their environment do not form a controlled comparison.
"""

import contextlib
import hashlib
import os
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path

from exprun.config.builder import code_digest
from exprun.config.errors import without_password
from exprun.run_folder import CODE, RunFolder
from exprun.trainer.events import Event, RunStarted
from exprun.version import __version__

LIBRARIES = ("tensorflow", "keras", "numpy")


class Environment:
    """Writes `environment.json` when a run starts.

    Args:
        folder: the run's folder.
        command: the command that repeats the run.
        builder: `model.builder`, or None.
    """

    def __init__(self, folder: RunFolder, command: str, builder: str | None) -> None:
        self.folder, self.command, self.builder = folder, command, builder

    def __call__(self, event: Event) -> None:
        """Write the environment when the event is the start of the run."""
        match event:
            case RunStarted():
                recorded = environment(self.folder.path, self.command, self.builder) | {
                    "device": event.device,
                    "precision": event.precision,
                    "data_fingerprint": event.data_fingerprint,
                    "weights_fingerprint": event.weights_fingerprint,
                    "teacher_fingerprint": event.teacher_fingerprint,
                    "parameters": str(event.parameters),
                    "steps": str(event.total_steps),
                    "classes": str(event.classes),
                    "val_images": str(event.val_images),
                    "test_images": str(event.test_images),
                    **event.computing,
                }
                self.folder.write_environment(recorded)


def environment(folder: Path, command: str, builder: str | None) -> dict[str, str]:
    """The part of the environment that is known before a network is built; unknown values are empty.

    Args:
        folder: the run's folder.
        command: the command that repeats the run.
        builder: `model.builder`, or None.
    """
    commit, changes = git_state()
    return {
        "version": __version__,
        "command": without_password(command),
        "run_dir": str(folder),
        "python": platform.python_version(),
        **{name: str(getattr(sys.modules.get(name), "__version__", "")) for name in LIBRARIES},
        "commit": commit,
        "changes": changes,
        CODE: code_digest(builder) if builder else "",
    }


def git_state() -> tuple[str, str]:
    """The commit of the current folder, and a digest of its uncommitted changes; both are empty outside of git."""
    return _git_state(Path.cwd())


@cache  # later changes do not matter: the process keeps the code that it has imported
def _git_state(_: Path) -> tuple[str, str]:
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return "", ""
    changes, untracked = _git("diff", "HEAD"), _git("ls-files", "-z", "--others", "--exclude-standard", "--", "*.py")
    if changes is None or untracked is None:
        return commit.decode().strip(), "unknown"
    for name in sorted(filter(None, untracked.split(b"\0"))):
        with contextlib.suppress(OSError):
            changes += name + Path(os.fsdecode(name)).read_bytes()
    return commit.decode().strip(), hashlib.sha256(changes).hexdigest()[:12] if changes else ""


def _git(*words: str) -> bytes | None:
    try:
        return subprocess.run(["git", *words], capture_output=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
