"""`ui`: serve MLflow's pages of the runs, and open the charts of the last sweep in a browser.

Only this machine can open the pages unless another address is given.
"""

import argparse
import ipaddress
import sys
import threading

from exprun.commands import Parser
from exprun.commands.server import answers, check_number, check_port, serve
from exprun.config.errors import ConfigError, RunError, without_password
from exprun.pages.frame import has_display, open_page

PORT, HOST = 5000, "127.0.0.1"


def parser() -> Parser:
    """The parser of the command's arguments."""
    found = Parser(prog="python -m exprun ui", description="Serve MLflow's pages of the runs logged here.")
    found.add_argument("--port", type=int, help=f"port to listen on (default: {PORT})")
    found.add_argument("--host", help=f"address to listen on (default: {HOST}, this machine only)")
    found.add_argument("--no-open", action="store_true", help="do not open a browser; the address is printed anyway")
    found.add_argument("--uri", help="MLflow store (default: MLFLOW_TRACKING_URI, or outputs/mlflow.db)")
    return found


def parse(words: list[str]) -> argparse.Namespace:
    """The arguments of a command line."""
    args = parser().parse_args(words)
    check_number(args.port)
    try:
        ipaddress.ip_address(args.host or HOST)
    except ValueError:
        raise ConfigError(f"--host is {args.host}, but must be an address, for example 0.0.0.0 for all.") from None
    return args


def run(words: list[str]) -> int:
    """Serve until a signal ends this process; a store on a server is only opened in a browser.

    Raises:
        ConfigError: the store cannot be served.
        RunError: the port cannot be used, or the server ended without a signal.
    """
    args = parse(words)
    from exprun.outputs import OUTPUTS
    from exprun.tracking.store import is_server, repair, server, tracking_uri

    uri = tracking_uri(args.uri)
    if is_server(uri):
        if args.host or args.port:
            raise ConfigError(
                f"--host and --port are for a store that is served here, but {without_password(uri)} is a server."
            )
        page = _announce(uri, server(uri), "")
        if not args.no_open:
            open_page(page)
        return 0
    args.host, args.port = args.host or HOST, args.port or PORT
    _check_store(uri)
    repair(uri)
    check_port(args.host, args.port, "python -m exprun ui")
    OUTPUTS.mkdir(exist_ok=True)
    log = OUTPUTS / "ui.log"
    host = f"[{args.host}]" if ":" in args.host else args.host
    page = _announce(uri, f"http://{host}:{args.port}", f" (Ctrl-C ends it; its log: {log})")
    if not ipaddress.ip_address(args.host).is_loopback:
        print(
            "warning: everyone who can reach this machine on that port can read, change and delete all runs, because "
            "MLflow does not ask for a password.",
            flush=True,
        )
    if not args.no_open and has_display():
        threading.Thread(target=_open, args=(page, args.host, args.port), daemon=True).start()
    code = serve(_server(uri, args.host, args.port), log)
    raise RunError(f"MLflow's server ended with code {code}; its log is {log}.")


def _check_store(uri: str) -> None:
    """Refuse a store that is not a database, or whose file does not exist.

    Raises:
        ConfigError: the store cannot be served.
    """
    from exprun.config.paths import sqlite_path
    from exprun.tracking.store import is_database

    if not is_database(uri):
        raise ConfigError(
            f"--uri is {without_password(uri)}, but must be a database, for example sqlite:///outputs/mlflow.db."
        )
    path = sqlite_path(uri)
    if path is not None and not path.exists():
        raise ConfigError(f"There is no store at {path} yet: train first, in this folder.")


def _announce(uri: str, served: str, remark: str) -> str:
    """Print the address of the pages, and that of the last sweep's charts; returns the latter.

    Args:
        uri: the URI of the store.
        served: the address of the server that serves the store.
        remark: text that is printed after the address.
    """
    from exprun.tracking.view import last_page

    path, shown = last_page(uri)
    print(f"MLflow's UI of {without_password(uri)}: {served}{remark}", flush=True)
    if path:
        print(f"{shown}: {served}{path}", flush=True)
    return f"{served}{path}"


def _open(page: str, host: str, port: int) -> None:
    """Open a page in a browser as soon as its server answers.

    Args:
        page: the address of the page.
        host: the address on which the server listens.
        port: the port on which the server listens.
    """
    if answers(host, port):
        open_page(page)


def _server(uri: str, host: str, port: int) -> list[str]:
    """The command line of MLflow's server."""
    from exprun.tracking.store import artifact_root

    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri]
    if root := artifact_root(uri):
        command += ["--default-artifact-root", root]
    return [*command, "--host", host, "--port", str(port), "--workers", "1"]
