"""A server of MLflow that a command runs until it ends or a signal ends the command.

This module is not a command.
"""

import errno
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from exprun.config.errors import ConfigError, RunError

START_SECONDS = 120.0  # the longest that a command waits for its server


def check_number(port: int | None) -> None:
    """Refuse a number that is no port.

    Raises:
        ConfigError: the number is out of range.
    """
    if port is not None and not 0 < port < 65536:
        raise ConfigError(f"--port is {port}, but must be from 1 to 65535.")


def check_port(host: str, port: int, command: str) -> None:
    """Refuse a port that is in use, and an address that does not belong to this machine.

    Args:
        host: the address on which the server will listen.
        port: the port on which it will listen.
        command: the command without its port, for the message.

    Raises:
        ConfigError: the port is in use.
        RunError: the server cannot listen there for another reason.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise RunError(f"The server cannot listen on {host}, port {port}: {error.strerror}.") from None
            raise ConfigError(f"Port {port} is in use; choose another: {command} --port {port + 1}.") from None


def answers(host: str, port: int) -> bool:
    """Wait until a server listens, at most `START_SECONDS`; returns whether it does."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            if probe.connect_ex((host, port)) == 0:
                return True
        time.sleep(0.3)
    return False


def serve(command: Sequence[str], log: Path) -> int:
    """Run a server until it ends or a signal ends this process, then end all its processes; returns its exit code.

    Args:
        command: the command line of the server.
        log: the path of the file for the server's output.
    """
    from exprun.signals import Signals

    env = {
        # MLflow's job runners are seven more processes, which only its features for language models need.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        **os.environ,
        # MLflow starts uvicorn by its name.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
    }
    guard = [sys.executable, "-m", "exprun.guard", *command]
    with open(log, "w") as file, Signals():
        # The server runs in a new session, so that a signal from the terminal reaches only this process.
        server = subprocess.Popen(
            guard, stdin=subprocess.PIPE, stdout=file, stderr=file, env=env, start_new_session=True
        )
        try:
            return server.wait()
        finally:
            assert server.stdin is not None
            server.stdin.close()
            server.wait()
