"""`serve`: answer requests with the predictions of a run, with MLflow's model server."""

import argparse
import sys
import tempfile
import threading
from pathlib import Path

from exprun.commands import Parser, without_logs
from exprun.commands.server import answers, check_number, check_port, serve
from exprun.config.errors import RunError, printable

PORT, HOST = 5001, "127.0.0.1"


def parser() -> Parser:
    """The parser of the command's arguments."""
    found = Parser(
        prog="python -m exprun serve",
        description="Serve the predictions of a run on this machine. A request holds image files as base64; the "
        "answer holds the probabilities of the classes of each.",
    )
    found.add_argument("run", metavar="RUN", help="run folder, the end of its name, or last")
    found.add_argument("--port", type=int, default=PORT, help=f"port to listen on (default: {PORT})")
    found.add_argument("--trust", action="store_true", help="run the Python code that the run's config names")
    return found


def parse(words: list[str]) -> argparse.Namespace:
    """The arguments of a command line."""
    args = parser().parse_intermixed_args(words)
    check_number(args.port)
    return args


def run(words: list[str]) -> int:
    """Serve until a signal ends this process.

    Raises:
        ConfigError: there is no such run, or the port is in use.
        RunError: the run has no network, or the server ended without a signal.
    """
    args = parse(words)
    from exprun.export import check_consent
    from exprun.network_interface import Interface
    from exprun.outputs import OUTPUTS
    from exprun.records import find_run
    from exprun.run_folder import RunFolder

    run = find_run(args.run)
    check_consent(run, args.trust)
    check_port(HOST, args.port, f"python -m exprun serve {args.run}")
    folder = RunFolder(run.folder)
    Interface.read(folder)
    from exprun.assembly import trained_weights

    trained_weights(folder, run.name)
    OUTPUTS.mkdir(exist_ok=True)
    log = OUTPUTS / "serve.log"
    with tempfile.TemporaryDirectory() as place:
        model = Path(place) / "model"
        with without_logs():
            from exprun.serving import save

            save(run, model)
        line = f"{run.name} answers at http://{HOST}:{args.port}/invocations (Ctrl-C ends it; its log: {log})"
        threading.Thread(target=_announce, args=(line, args.port), daemon=True).start()
        command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"]
        code = serve([*command, "--model-uri", str(model), "--host", HOST, "--port", str(args.port)], log)
    raise RunError(f"MLflow's server ended with code {code}; its log is {log}.")


def _announce(line: str, port: int) -> None:
    """Print a line as soon as the server answers."""
    if answers(HOST, port):
        print(printable(line), flush=True)
