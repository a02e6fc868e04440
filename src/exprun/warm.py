"""Hand a command to the warm server, which has imported TensorFlow, Keras and MLflow; used by `python -m exprun`.

Only the standard library is imported, because this module is the first of each command. It also holds what the server
(`exprun.warm_server`) and the command `warm` need to know: where the socket is, and which commands fit.

The protocol, on a Unix socket of the user: a request is the number of its bytes (4 bytes) and a JSON object, sent with
the file descriptors of the three standard streams. The server answers with an empty line if the command has to run
cold; otherwise with the line `started` and, after the end of the command, with its status as `os.waitpid` reports it.
In between, the client sends lines, each the number of a signal.
"""

import contextlib
import json
import os
import signal
import socket
import stat
import struct
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO

# Commands that run cold: a script of `diagnose` reads the environment as it imports packages, and the others are long.
COLD = frozenset(("diagnose", "serve", "ui", "warm"))
SWEEPING = frozenset(("-m", "--multirun", "hydra.mode=MULTIRUN"))  # sweeps are long, too, and start processes
# Variables that are read while packages are imported, so that the server and the command must agree on them.
PREFIXES = (
    "BLIS_", "CUDA_", "DNNL_", "GOTO_", "HIP_", "KERAS_", "KMP_", "LC_", "LD_", "MALLOC_", "MKL_", "MLFLOW_",
    "NUMEXPR_", "NVIDIA_", "OMP_", "ONEDNN_", "OPENBLAS_", "PROTOCOL_BUFFERS_", "PYTHON", "ROCR_", "TF_", "XLA_",
)  # fmt: skip
VARIABLES = frozenset(("HOME", "LANG", "LSB_JOBID", "PBS_JOBID", "SLURM_JOB_ID", "TMPDIR", "TZ", "VIRTUAL_ENV"))
FORWARDED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGTSTP")
SECONDS = 10.0  # time that the server has to take a connection, and a client to send its request
LONGEST_PATH = 100  # bytes of the path of a Unix socket on every system


def socket_path() -> Path:
    """The path of the socket, which belongs to this user, this interpreter and this copy of exprun."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    temporary = Path(os.environ.get("TMPDIR") or "/tmp") / f"exprun-{os.getuid()}"
    folder = Path(runtime) / "exprun" if runtime else temporary
    number = zlib.crc32(os.fsencode(f"{sys.executable}\n{Path(__file__).parent}"))
    return folder / f"warm-{number:08x}"


def is_own(path: Path, is_kind: Any) -> bool:
    """Whether a path is of a kind, such as `stat.S_ISDIR`, belongs to this user, and is closed to all others."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return bool(is_kind(found.st_mode)) and found.st_uid == os.getuid() and not found.st_mode & 0o077


def peer(connection: socket.socket) -> tuple[int, int]:
    """The process and the user at the other end of a connection."""
    size = struct.calcsize("3i")
    process, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return process, user


def connected() -> socket.socket | None:
    """A connection to the server; None if there is no server, or it does not belong to this user."""
    if not hasattr(socket, "SO_PEERCRED"):  # only Linux has it
        return None
    path = socket_path()
    if not (is_own(path.parent, stat.S_ISDIR) and is_own(path, stat.S_ISSOCK)):
        return None
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(SECONDS)
        connection.connect(str(path))
        if peer(connection)[1] == os.getuid():
            return connection
    except OSError:  # the server has ended without removing its socket
        pass
    connection.close()
    return None


def code() -> int:
    """A number that changes with the files of exprun and the packages that are installed."""
    seen = [f"{path}: {os.stat(path).st_mtime_ns}" for path in sys.path if path.endswith("site-packages")]
    folders = [str(Path(__file__).parent)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != "__pycache__":
                        folders.append(entry.path)
                else:
                    found = entry.stat()
                    seen.append(f"{entry.path}: {found.st_mtime_ns} {found.st_size}")
    return zlib.crc32("\n".join(sorted(seen)).encode("utf-8", "surrogateescape"))


def surroundings() -> dict[str, Any]:
    """What must be the same for the server and a command, besides the code; it can be written as JSON."""
    import resource

    limits = [name for name in dir(resource) if name.startswith("RLIMIT_")]
    return {
        "variables": {k: v for k, v in os.environ.items() if k.startswith(PREFIXES) or k in VARIABLES},
        "interpreter": [sys.version, list(sys.flags), dict(sys._xoptions), list(sys.warnoptions)],
        "packages": [path for path in sys.path if path.endswith("site-packages")],
        "cores": sorted(os.sched_getaffinity(0)),
        "nice": os.nice(0),
        "limits": {name: list(resource.getrlimit(getattr(resource, name))) for name in limits},
    }


def run(argv: Sequence[str]) -> int | None:
    """Run a command in the warm server; returns its exit code, or None if the command has to run in this process.

    Args:
        argv: the command line, the program's name included.
    """
    words = argv[1:]
    if os.name != "posix" or (words and words[0] in COLD) or SWEEPING & set(words):
        return None
    # A deterministic run overrules this, but only before TensorFlow is imported.
    if os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1").lower() in ("0", "false"):
        return None
    connection = connected()
    if connection is None:
        return None
    with connection, connection.makefile("rb") as answers:
        try:
            _send(connection, argv)
            if answers.readline() != b"started\n":
                return None
        except OSError:  # the server has ended, or a standard stream is closed
            return None
        return _followed(connection, answers)


def _ignored() -> list[str]:
    """The signals that this process ignores, for example SIGHUP under `nohup`."""
    return [name for name in FORWARDED if signal.getsignal(getattr(signal, name)) == signal.SIG_IGN]


def _send(connection: socket.socket, argv: Sequence[str]) -> None:
    umask = os.umask(0)
    os.umask(umask)
    request = {
        "argv": list(argv), "cwd": os.getcwd(), "environment": dict(os.environ), "umask": umask, "path": sys.path,
        "ignored": _ignored(), "code": code(), "surroundings": surroundings(),
    }  # fmt: skip
    message = json.dumps(request).encode()
    message = struct.pack("!I", len(message)) + message
    sent = socket.send_fds(connection, [message], [0, 1, 2])
    connection.sendall(message[sent:])


def _followed(connection: socket.socket, answers: BinaryIO) -> int:
    """Pass signals on to a command until it has ended; returns its exit code.

    Args:
        connection: the connection to the server.
        answers: the lines that the server sends.
    """

    def forward(number: int, _: FrameType | None) -> None:
        with contextlib.suppress(OSError):  # the command has just ended
            connection.sendall(b"%d\n" % number)
        if number == signal.SIGTSTP:  # Ctrl-Z stops both
            os.kill(os.getpid(), signal.SIGSTOP)
            with contextlib.suppress(OSError):
                connection.sendall(b"%d\n" % signal.SIGCONT)

    connection.settimeout(None)
    # The command knows which signals this process ignores, and a run ends with SIGINT even if a shell ignores it, as it
    # does for a command in the background of a script. Only SIGTSTP would stop the command against its will.
    names = [name for name in FORWARDED if name != "SIGTSTP" or name not in _ignored()]
    handlers = {number: signal.signal(number, forward) for number in (getattr(signal, name) for name in names)}
    answer = answers.readline()
    for number, handler in handlers.items():
        signal.signal(number, handler)
    if not answer:
        print("exprun: the process that waited for this command was killed, and the command with it.", file=sys.stderr)
        return 1
    exit_code = os.waitstatus_to_exitcode(int(answer))
    if exit_code < 0:  # a signal killed the command, which a shell must be able to see
        signal.signal(-exit_code, signal.SIG_DFL)
        os.kill(os.getpid(), -exit_code)
    return exit_code
