"""Run a server as long as the process that started it is alive, then end the server and all processes it started.

`python -m exprun.guard COMMAND …` watches its standard input, a pipe from the process that started it. The pipe closes
when that process closes it or ends in any way, `kill -9` included.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

GRACE_SECONDS = 5.0  # time that a server has to end after SIGTERM, before SIGKILL
CHECK_SECONDS = 0.1  # time between two checks of the server


def guard(command: Sequence[str], lifeline: int = 0) -> int:
    """Run a command in a new process group until it ends or the pipe closes; then end the whole group.

    Args:
        command: the command line of the server.
        lifeline: the file descriptor of the pipe, from which nothing but its end is read.

    Returns:
        The exit code of the command; if a signal ended it, the negative number of the signal.
    """
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    while server.poll() is None and not select.select([lifeline], [], [], CHECK_SECONDS)[0]:
        pass
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):  # all processes of the group have ended
            os.killpg(server.pid, number)
            end = time.monotonic() + GRACE_SECONDS
            while time.monotonic() < end:
                server.poll()  # without this call a server that has ended would still count as a process of its group
                os.killpg(server.pid, 0)
                time.sleep(CHECK_SECONDS)
    return server.wait()


if __name__ == "__main__":
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"):  # the guard ends only when the pipe closes
        # A handler that does nothing, and not SIG_IGN, which the server would inherit.
        signal.signal(getattr(signal, name), lambda *_: None)
    sys.exit(guard(sys.argv[1:]))
