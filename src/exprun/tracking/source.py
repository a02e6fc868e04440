"""The state of the code that a run was started from."""

import subprocess


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
