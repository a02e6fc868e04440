"""What a run was made of: code, versions, device, data. Two runs that differ in it are no controlled comparison."""

import contextlib
import hashlib
import json
import os
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path

from exprun.config.builder import code_digest
from exprun.config.errors import say, without_password
from exprun.files import write_whole
from exprun.trainer.events import Event, RunStarted
from exprun.version import __version__

FILE = "environment.json"
CODE = "builder_code"  # what tells the code of `model.builder` apart
LIBRARIES = ("tensorflow", "keras", "numpy")


class Environment:
    """Writes `environment.json` when a run starts.

    Args:
        folder: of the run.
        command: repeats it.
        builder: `model.builder`, or None.
    """

    def __init__(self, folder: Path, command: str, builder: str | None) -> None:
        self.folder, self.command, self.builder = folder, command, builder

    def __call__(self, event: Event) -> None:
        """Take an event."""
        if isinstance(event, RunStarted):
            found = environment(self.folder, self.command, self.builder) | {
                "device": event.device,
                "precision": event.precision,
                "data_fingerprint": event.data_fingerprint,
                "weights_fingerprint": event.weights_fingerprint,
                "parameters": str(event.parameters),
                "steps": str(event.total_steps),
                **event.computing,
            }
            write_whole(self.folder / FILE, json.dumps(found, indent=1))


def environment(folder: Path, command: str, builder: str | None) -> dict[str, str]:
    """What can be known before a network is built; what is not known is empty."""
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


def read_environment(folder: Path) -> dict[str, str]:
    """What a run wrote when it started; empty where it has not, or the file cannot be read."""
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def has_other_code(builder: str, folder: Path) -> bool:
    """Whether other code of the builder made the network of a run; said to be unknown where the run did not record it.

    Args:
        builder: `model.builder`, which is that of the run, too.
        folder: of the run.
    """
    before, now = read_environment(folder).get(CODE), code_digest(builder)
    if before is None:
        _say_unknown(builder, folder)
    return bool(before and now) and before != now


@cache  # once a process
def _say_unknown(builder: str, folder: Path) -> None:
    say(
        f"the run in {folder} is of an older version that did not record the code of model.builder={builder}: whether "
        "it is still the same is not known."
    )


def git_state() -> tuple[str, str]:
    """The commit of the working folder, and what tells its uncommitted changes apart; both empty outside of git."""
    return _git_state(Path.cwd())


@cache  # the code that this process has imported stays the same
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
