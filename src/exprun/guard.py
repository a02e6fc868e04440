"""Runs a server for as long as whoever asked for it is there, and ends it with all that it started.

`python -m exprun.guard COMMAND …`: standard input is the lifeline. It ends when the process at its other end closes it,
or ends in whatever way, `kill -9` included.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

PATIENCE = 5.0  # seconds that a server may take to end well
LOOK = 0.1  # seconds between two looks


def guard(command: Sequence[str], lifeline: int = 0) -> int:
    """Run a command in a process group of its own until it ends or the lifeline does; then end all of the group.

    Args:
        command: of the server.
        lifeline: file descriptor of which nothing is read but its end.

    Returns:
        The exit code of the command; negative the number of the signal that ended it.
    """
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    while server.poll() is None and not select.select([lifeline], [], [], LOOK)[0]:
        pass
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):  # all have gone
            os.killpg(server.pid, number)
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                server.poll()  # or it would stay in its group
                os.killpg(server.pid, 0)
                time.sleep(LOOK)
    return server.wait()


if __name__ == "__main__":
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"):  # it ends when the lifeline does
        signal.signal(getattr(signal, name), lambda *_: None)  # the server would inherit that they are ignored
    sys.exit(guard(sys.argv[1:]))
