"""The log file of a run: Python's log records, and the messages that native libraries write to file descriptor 2."""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from exprun.config.errors import without_password


class _Formatter(logging.Formatter):
    """A formatter that masks passwords, as libraries may put them into their messages."""

    def format(self, record: logging.LogRecord) -> str:
        """The text of a record, without passwords."""
        return without_password(super().format(record))


class _File(logging.FileHandler):
    """A log file that loses lines if the disk is full, without ending the run."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Ignore the error: if the disk is full, the files that matter more than the log report it."""

    def close(self) -> None:
        """Close the file; lines that have not been written may be lost."""
        with contextlib.suppress(OSError):
            super().close()


@contextlib.contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """Send Python's log records and the messages of native libraries to a log file instead of the terminal.

    Args:
        path: the path of the log file.
    """
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
    """Redirect file descriptor 2, to which C++ code writes, to a file; Python's own stderr is not redirected.

    Args:
        file: the open file.
    """
    try:
        terminal = os.dup(2)
        python_is_native = sys.stderr.fileno() == 2
    except (OSError, AttributeError, ValueError):  # there is no such descriptor, or stderr is not a file
        yield
        return
    python_stderr = sys.stderr
    with os.fdopen(terminal, "w", buffering=1, closefd=True) as original:
        if python_is_native:
            sys.stderr = original
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            original.flush()
            os.dup2(original.fileno(), 2)
            sys.stderr = python_stderr
