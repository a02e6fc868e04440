"""The commands beside training. Nothing here imports TensorFlow or MLflow before it is needed."""

import argparse
import contextlib
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

from exprun.config.errors import ConfigError, RunError, printable, say
from exprun.config.paths import user_path


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one sentence."""

    def error(self, message: str) -> NoReturn:
        """Refuse a command line."""
        raise ConfigError(f"{message[:1].upper()}{message[1:]}; --help shows what there is.")


@contextlib.contextmanager
def _without_logs() -> Iterator[None]:
    """Keep records of libraries, and what native ones write, off the terminal of a command that has no run's log."""
    import tempfile

    from exprun.logs import logging_to

    with tempfile.TemporaryDirectory() as folder, logging_to(Path(folder) / "log"):
        yield


def _ui(words: list[str]) -> int:
    """Serve MLflow's UI of the store, on this machine's loopback interface unless told otherwise."""
    import errno
    import ipaddress
    import socket
    import subprocess

    from exprun.config.errors import without_password
    from exprun.signals import Signals
    from exprun.tracking.store import OUTPUTS, artifact_root, repair, tracking_uri

    parser = Parser(prog="python -m exprun ui", description="Serve MLflow's UI of the runs logged here.")
    parser.add_argument("--port", type=int, default=5000, help="port to listen on (default: 5000)")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1, this machine alone)"
    )
    parser.add_argument("--uri", default=None, help="another store than outputs/mlflow.db")
    args = parser.parse_args(words)
    if not 0 < args.port < 65536:
        raise ConfigError(f"--port is {args.port}, but must be from 1 to 65535.")
    try:
        here = ipaddress.ip_address(args.host).is_loopback
    except ValueError:
        raise ConfigError(f"--host is {args.host}, but must be an address, for example 0.0.0.0 for all.") from None
    uri = tracking_uri(args.uri)
    if uri.startswith(("http:", "https:")):
        raise ConfigError(f"{without_password(uri)} is a server of its own: open it in a browser.")
    if not re.match(r"(sqlite:///|postgresql|mysql|mssql)", uri):
        raise ConfigError(
            f"--uri is {without_password(uri)}, but must be a database, for example sqlite:///outputs/mlflow.db."
        )
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists():
        raise ConfigError(f"There is no store at {uri.removeprefix('sqlite:///')} yet: train first, in this folder.")
    repair(uri)
    with socket.socket(socket.AF_INET6 if ":" in args.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((args.host, args.port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise RunError(f"Nothing can listen on {args.host}, port {args.port}: {error.strerror}.") from None
            raise RunError(
                f"Port {args.port} is in use; choose another: python -m exprun ui --port {args.port + 1}."
            ) from None
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri]
    if root := artifact_root(uri):
        command += ["--default-artifact-root", root]
    command += ["--host", args.host, "--port", str(args.port), "--workers", "1"]
    OUTPUTS.mkdir(exist_ok=True)
    log = OUTPUTS / "ui.log"
    address = f"[{args.host}]" if ":" in args.host else args.host
    print(
        f"MLflow's UI of {without_password(uri)}: http://{address}:{args.port} (Ctrl-C ends it; its log: {log})",
        flush=True,
    )
    if not here:
        print(
            "Whoever reaches this machine on that port can read, change and delete all runs: MLflow asks nobody for a "
            "password.",
            flush=True,
        )
    # Its runners of jobs are seven more processes, for what MLflow does with language models.
    env = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **os.environ}
    guard = [sys.executable, "-m", "exprun.guard", *command]
    with open(log, "w") as file, Signals():
        # In a session of its own, so that what a terminal sends reaches this process alone.
        server = subprocess.Popen(
            guard, stdin=subprocess.PIPE, stdout=file, stderr=file, env=env, start_new_session=True
        )
        try:
            code = server.wait()
        finally:
            assert server.stdin is not None
            server.stdin.close()
            server.wait()
    raise RunError(f"MLflow's server ended with code {code}; its log is {log}.")


def _check(words: list[str]) -> int:
    """Say what is wrong with a config, its data and its network, without training."""
    from exprun.config.compose import Composer
    from exprun.outputs import with_last_run
    from exprun.run_folder import preflight

    parser = Parser(
        prog="python -m exprun check",
        description="Say what is wrong with a config, its data and its network, without training. Ends with 1 where "
        "something is.",
    )
    parser.add_argument("overrides", nargs="*", help="of the config, as for training")
    parser.add_argument("--config-dir", metavar="DIR", help="a folder of config files that is searched first")
    args = parser.parse_intermixed_args(words)
    config = Composer(args.config_dir).config(with_last_run(args.overrides))
    if config.doctor.name == "none":
        raise ConfigError("check asks the doctor: leave out doctor=none.")
    preflight(config)
    print(f"Looking at model={config.model.name} and data={config.data.name}, without training …", flush=True)

    from exprun.check import examine
    from exprun.doctor.finding import verdict
    from exprun.runner import Session

    with _without_logs():
        findings = examine(config, Session(), lambda line: print(printable(line), flush=True))
    print(_printable_lines(verdict(findings)))
    return 1 if any(finding.severity != "note" for finding in findings) else 0


def _printable_lines(text: str) -> str:
    return "\n".join(printable(line) for line in text.splitlines())


def _explain(words: list[str]) -> int:
    """Find out by short runs which change makes a config learn."""
    mark = words.index("--against") if "--against" in words else len(words)
    parser = Parser(
        prog="python -m exprun explain",
        usage="%(prog)s [options] [overrides] [--against overrides]",
        description="Find out by short runs which change makes a config learn. After --against, until the end of the "
        "line, come the overrides of another config: then, which of the groups in which they differ carries the gap.",
    )
    parser.add_argument("overrides", nargs="*", help="of the config that does not learn, as for training")
    parser.add_argument("--minutes", type=float, default=10.0, help="that all may take (default: 10)")
    parser.add_argument("--seeds", type=int, default=3, help="of the last, full comparison (default: 3)")
    parser.add_argument("--steps", type=int, help="of a full run (default: as many as the minutes allow)")
    parser.add_argument("--config-dir", metavar="DIR", help="a folder of config files that is searched first")
    args = parser.parse_intermixed_args(words[:mark])
    from exprun.explain.study import explain
    from exprun.outputs import with_last_run

    overrides = with_last_run(args.overrides)
    against = with_last_run(words[mark + 1 :]) if mark < len(words) else None
    return explain(overrides, against, args.minutes, args.seeds, args.steps, args.config_dir)


def _compare_arguments(words: list[str]) -> argparse.Namespace:
    parser = Parser(
        prog="python -m exprun compare",
        description="Say which setting is better, with intervals over seeds, and what makes the comparison unfair. "
        "Writes one HTML file.",
    )
    parser.add_argument("places", nargs="*", metavar="FOLDER", help="of runs or of sweeps; last: the newest sweep")
    parser.add_argument("--by", metavar="KEY,KEY", help="the factors (default: all settings that vary, but the seed)")
    parser.add_argument("--figure", default="val/accuracy", help="the final figure to compare (default: val/accuracy)")
    parser.add_argument("--where", metavar="KEY=VALUE", action="append", default=[], help="only these runs")
    parser.add_argument("--experiment", metavar="NAME", help="runs of MLflow's store in place of folders")
    parser.add_argument("--filter", metavar="CONDITION", help="only these of the store, in MLflow's language")
    parser.add_argument("--uri", help="of the store (default: MLFLOW_TRACKING_URI, or outputs/mlflow.db)")
    parser.add_argument("--html", metavar="FILE", help="where the report goes (default: beside the first run)")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    parser.add_argument("--csv", action="store_true", help="print a line of CSV for each run in place of the table")
    args = parser.parse_intermixed_args(words)
    if args.json and args.csv:
        raise ConfigError("Only one of --json and --csv can be given.")
    if args.experiment is None and (args.filter is not None or args.uri is not None):
        raise ConfigError("--filter and --uri choose among the runs of MLflow's store: add --experiment NAME.")
    if args.experiment is not None and args.places:
        raise ConfigError("Only one of --experiment and folders can be given.")
    return args


def _compare(words: list[str]) -> int:
    """Say which setting is better, with intervals over seeds."""
    args = _compare_arguments(words)
    from exprun.compare import report
    from exprun.compare.analysis import analyse
    from exprun.compare.query import select
    from exprun.outputs import LAST

    if args.experiment is not None:
        from exprun.compare import remote

        runs = remote.select(args.experiment, args.filter or "", args.where, args.uri)
    else:
        runs = select(args.places or [LAST], args.where)
    by = [key for key in args.by.split(",") if key] if args.by else None
    found = analyse(runs, by, args.figure)
    beside = runs[0].folder.parent if runs[0].folder.parent.is_dir() else Path()
    page = user_path(args.html, f"--html {args.html}") if args.html else beside / "report.html"
    if args.json:
        print(report.as_json(found))
    elif args.csv:
        print(report.as_csv(found), end="")
    else:
        report.show(found)
    try:
        report.write_page(found, page, shlex.join(["python", "-m", "exprun", "compare", *words]))
    except OSError as error:
        raise RunError(f"The report cannot be written to {page}: {error.strerror}.") from None
    if not (args.json or args.csv):
        print(f"report: {page}")
    return 0


def _runs_arguments(words: list[str]) -> argparse.Namespace:
    parser = Parser(
        prog="python -m exprun runs",
        usage="%(prog)s [--where KEY=VALUE] [--most N] | show RUN | diff RUN RUN | repeat RUN [KEY=VALUE …] | "
        "delete RUN … --yes",
        description="List the runs below outputs/, show one, say in what two differ, train one anew from its own "
        "config, or delete some with their files.",
    )
    parser.add_argument("action", nargs="?", default="list", choices=["list", "show", "diff", "repeat", "delete"])
    parser.add_argument("runs", nargs="*", metavar="RUN", help="its folder, the end of the folder's name, or last")
    parser.add_argument("--where", metavar="KEY=VALUE", action="append", default=[], help="list only these")
    parser.add_argument("--most", type=int, default=30, help="lines of the list (default: 30)")
    parser.add_argument("--yes", action="store_true", help="delete without asking")
    parser.add_argument("--trust", action="store_true", help="repeat a run whose config names Python code")
    args = parser.parse_intermixed_args(words)
    wanted = {"list": 0, "show": 1, "diff": 2, "repeat": 1}.get(args.action)
    if args.action == "repeat" and args.runs and all("=" in word for word in args.runs[1:]):
        return args
    if (wanted is not None and len(args.runs) != wanted) or not (args.runs or args.action == "list"):
        raise ConfigError(f"runs {args.action} takes {wanted or 'one or more'} runs, not {len(args.runs)}.")
    if args.most < 1:
        raise ConfigError(f"--most is {args.most}, but must be above 0.")
    return args


def _runs(words: list[str]) -> int:
    """List runs, show one, compare the settings of two, or delete some."""
    args = _runs_arguments(words)
    from exprun.compare import history

    if args.action == "list":
        found = history.find_all(args.where)
        if not found:
            raise ConfigError(
                f"There is no run below outputs/{' with ' + ' '.join(args.where) if args.where else ''} yet."
            )
        history.show_all(found, args.most)
        return 0
    if args.action == "repeat":
        return _repeat(args.runs[0], args.runs[1:], args.trust)
    runs = [history.find(name) for name in args.runs]
    if args.action == "show":
        history.show(runs[0])
    elif args.action == "diff":
        history.show_differences(*runs)
    else:
        if not args.yes:
            raise ConfigError(f"This deletes {', '.join(run.name for run in runs)} with all files: add --yes.")
        for run in runs:
            history.delete(run)
            print(f"deleted {printable(run.name)}")
    return 0


def _repeat(name: str, overrides: list[str], trust: bool) -> int:
    """Train a run anew from the config in its folder, and say whether it gave the same."""
    from datetime import datetime

    from exprun.compare import history
    from exprun.compare.query import read
    from exprun.export import check_consent, repeated
    from exprun.outputs import with_last_run
    from exprun.run_folder import preflight
    from exprun.sweep.job import attempt
    from exprun.tracking.source import has_other_code
    from exprun.tracking.store import OUTPUTS

    before = history.find(name)
    check_consent(before, trust)
    folder = OUTPUTS / "runs" / f"{datetime.now():%Y-%m-%d_%H-%M-%S-%f}"
    config = repeated(before, with_last_run(overrides), folder)
    preflight(config)
    builder = config.model.builder
    if builder is not None and builder == before.config.get("model.builder") and has_other_code(builder, before.folder):
        print(f"{printable(before.name)} was trained with other code of {printable(builder)}.")
    score = attempt(config, shlex.join(["python", "-m", "exprun", "runs", "repeat", before.name, *overrides]), "")
    if (now := read(folder)) is not None and not overrides:
        history.show_repeated(before, now)
    return 0 if score.finished else 1


def _export_arguments(words: list[str]) -> argparse.Namespace:
    parser = Parser(
        prog="python -m exprun export",
        description="Write the network of a run as a Keras model that takes pixels, with a card that says what it is.",
    )
    parser.add_argument("run", metavar="RUN", help="its folder, the end of the folder's name, or last")
    parser.add_argument("--to", metavar="FOLDER", help="where they go (default: export/ in the folder of the run)")
    parser.add_argument("--trust", action="store_true", help="run the Python code that the run's config names")
    return parser.parse_intermixed_args(words)


def _export(words: list[str]) -> int:
    """Write the network of a run as a file of its own."""
    args = _export_arguments(words)
    from exprun import export
    from exprun.compare import history

    run = history.find(args.run)
    export.check_consent(run, args.trust)
    folder = user_path(args.to, f"--to {args.to}") if args.to else run.folder / "export"
    if args.to and (folder / export.MODEL).exists():
        raise ConfigError(f"--to {args.to} holds a {export.MODEL} already; name another folder.")
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"--to {args.to} is a file, but must be a folder.")
    with _without_logs():
        files = export.export(run, folder)
    for file in files:
        print(printable(os.path.relpath(file)))
    return 0


def _predict_arguments(words: list[str]) -> argparse.Namespace:
    parser = Parser(
        prog="python -m exprun predict",
        description="Say what the network of a run makes of pictures. Ends with 1 where one cannot be read.",
    )
    parser.add_argument("run", metavar="RUN", help="its folder, the end of the folder's name, or last")
    parser.add_argument("pictures", metavar="PICTURE", nargs="+", help="files, or folders with pictures in them")
    parser.add_argument("--top", type=int, default=3, help="classes of each picture, the likeliest (default: 3)")
    parser.add_argument("--json", action="store_true", help="print JSON in place of lines")
    parser.add_argument("--trust", action="store_true", help="run the Python code that the run's config names")
    args = parser.parse_intermixed_args(words)
    if args.top < 1:
        raise ConfigError(f"--top is {args.top}, but must be above 0.")
    return args


def _predict(words: list[str]) -> int:
    """Say what the network of a run makes of pictures."""
    import json

    args = _predict_arguments(words)
    from exprun import predict
    from exprun.compare import history
    from exprun.data.folder import summary
    from exprun.export import check_consent

    run = history.find(args.run)
    check_consent(run, args.trust)
    files, left_out = predict.find(args.pictures)
    if left_out:
        say(f"{summary(left_out)}.")
    with _without_logs():
        found = list(predict.predict(run, files, args.top))
    if args.json:
        facts = [{"file": p.file, "classes": dict(p.classes), "problem": p.problem} for p in found]
        print(json.dumps(facts, indent=1, ensure_ascii=False))
    for one in found:
        if one.problem:
            say(f"{one.file} cannot be read: {one.problem}.")
        elif not args.json:
            print(printable(f"{one.file}  " + "  ".join(f"{name} {share:.1%}" for name, share in one.classes)))
    return 1 if any(one.problem for one in found) else 0


def _sync_arguments(words: list[str]) -> argparse.Namespace:
    parser = Parser(
        prog="python -m exprun sync",
        description="Deliver to MLflow what its server has not taken, and close there the runs that died. Ends with 1 "
        "where something did not arrive.",
    )
    parser.add_argument("runs", nargs="*", metavar="FOLDER", help="of runs (default: all below outputs/)")
    parser.add_argument("--uri", help="of the store, in place of the one of each run")
    return parser.parse_intermixed_args(words)


def _sync(words: list[str]) -> int:
    """Deliver to MLflow what its server has not taken."""
    args = _sync_arguments(words)
    from exprun.tracking import sync
    from exprun.tracking.accepted import check_uri

    if args.uri is not None:
        check_uri(args.uri, "--uri")
    folders = sync.check_folders(args.runs) or sync.undelivered()
    arrived = 0
    for folder, problem in sync.sync(folders, args.uri):
        arrived += not problem
        if problem:
            say(f"{folder}: {problem}")
        else:
            print(f"delivered {printable(str(folder))}")
    print(f"sync: {arrived} of {len(folders)} runs delivered." if folders else "sync: everything has arrived already.")
    return 0 if arrived == len(folders) else 1


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "check": _check,
    "explain": _explain,
    "compare": _compare,
    "runs": _runs,
    "export": _export,
    "predict": _predict,
    "sync": _sync,
    "ui": _ui,
}
