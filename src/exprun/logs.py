"""A run's log file: Python's records and what native libraries write to file descriptor 2."""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from exprun.config.errors import without_password


class _Formatter(logging.Formatter):
    """Log lines without the passwords that libraries put into their messages."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        return without_password(super().format(record))


class _File(logging.FileHandler):
    """A log file that a full disk cuts short, and nothing else."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Say nothing: what is wrong with the disk is told where it costs more than a line of the log."""

    def close(self) -> None:
        """Close it; what is still to be written may be lost."""
        with contextlib.suppress(OSError):
            super().close()


@contextlib.contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """Python's log records and native libraries' messages in the run's log file, off the terminal."""
    handler = _File(path, encoding="utf-8")
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    level, others = root.level, root.handlers[:]
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    try:
        with _native_stderr_to(handler.stream):
            yield
    finally:
        logging.captureWarnings(False)
        root.handlers, root.level = others, level
        handler.close()


@contextlib.contextmanager
def _native_stderr_to(file: Any) -> Iterator[None]:
    """Point file descriptor 2, to which C++ writes, at `file`; Python's own stderr stays where it was."""
    try:
        terminal = os.dup(2)
        python_is_native = sys.stderr.fileno() == 2
    except (OSError, AttributeError, ValueError):  # no such descriptor, or a stderr that is no file
        yield
        return
    before = sys.stderr
    with os.fdopen(terminal, "w", buffering=1, closefd=True) as kept:
        if python_is_native:
            sys.stderr = kept
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            kept.flush()
            os.dup2(kept.fileno(), 2)
            sys.stderr = before
