"""Real servers for tests, PostgreSQL and MLflow's, on the loopback interface; they end with the test in any case."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path


def free_port() -> int:
    """A port that is not in use."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _program(name: str) -> str | None:
    """The path of a program of PostgreSQL, which Debian does not put on the PATH; None if it is not installed."""
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(installed[-1]) if installed else None)


def has_postgres() -> bool:
    """Whether PostgreSQL is installed."""
    return None not in (_program("initdb"), _program("pg_ctl"))


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """Run PostgreSQL with a new database; yields its URI.

    PostgreSQL refuses to run as root, so the user `postgres` runs it if this process is root.
    """
    port, folder = free_port(), tempfile.mkdtemp(prefix="pg", dir="/tmp")
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    initdb, pg_ctl = _program("initdb"), _program("pg_ctl")
    assert initdb is not None
    assert pg_ctl is not None

    def call(*words: str) -> None:
        subprocess.run(words, check=True, user=user, cwd="/tmp", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    try:
        call(initdb, "-D", f"{folder}/data", "-U", "exprun", "-A", "trust", "--no-sync")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        call(pg_ctl, "-D", f"{folder}/data", "-w", "-o", options, "-l", f"{folder}/log", "start")
        yield f"postgresql+psycopg2://exprun@127.0.0.1:{port}/postgres"
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            call(pg_ctl, "-D", f"{folder}/data", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def mlflow_server(
    folder: Path, store: str | None = None, port: int | None = None
) -> Iterator[tuple[str, subprocess.Popen]]:
    """Run MLflow's server; once it answers, yields its URI and its process, which leads a process group of its own.

    Args:
        folder: the folder for the server's artifacts and log, and for its database if `store` is None.
        store: the URI of the server's database; None for an SQLite file in `folder`.
        port: the port of the server; None for a free one.
    """
    port = port or free_port()
    store = store or f"sqlite:///{folder}/server.db"
    command = [
        sys.executable, "-m", "mlflow", "server", "--host=127.0.0.1", f"--port={port}", "--workers=2",
        f"--backend-store-uri={store}", f"--artifacts-destination={folder}/artifacts",
    ]  # fmt: skip
    with open(folder / "server.log", "a") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        uri = f"http://127.0.0.1:{port}"
        while True:
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(f"{uri}/health", timeout=5).close()
                break
            if process.poll() is not None:
                raise RuntimeError((folder / "server.log").read_text()[-2000:])
            time.sleep(0.3)
        yield uri, process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()
