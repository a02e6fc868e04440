"""The commands. Nothing here imports TensorFlow or MLflow: help and errors come at once."""

import argparse
import io
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from exprun import __version__
from exprun.config.errors import ConfigError, RunError, UserError, one_line

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from exprun.config.schema import Config

EXAMPLES = (
    ("python -m exprun", "a small network on embedded digits, in seconds"),
    ("python -m exprun model=vgg16 optim=sgd_momentum", "VGG-16 with batch norm"),
    (
        "python -m exprun -m model=vgg16 norm=none,batch seed=0,1,2",
        "six runs: with and without norm, three seeds",
    ),
    (
        "python -m exprun data=image_folder data.root=PICTURES data.size=64",
        "your own pictures, one folder a class",
    ),
    ("python -m exprun --cfg job model=resnet20", "show the whole config, run nothing"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code.

    0 done, 1 the run failed, 2 the command line or config is wrong, 130 interrupted, 143 terminated.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal of another encoding gets ? for what it cannot show
            stream.reconfigure(errors="replace")
    try:
        if words and words[0] in COMMANDS:
            return COMMANDS[words[0]](words[1:])
        return _train(words)
    except UserError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read the output has gone; nothing more can be said to them.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _fail(sentence: str, code: int) -> int:
    print(f"exprun: {_printable(one_line(sentence))}", file=sys.stderr)
    return code


def _printable(text: str) -> str:
    """`text` without characters that a terminal would obey."""
    return "".join(c if c.isprintable() else "�" for c in text.encode("utf-8", "replace").decode())


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one sentence."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message[:1].upper()}{message[1:]}; --help shows what there is.")


def _train(words: list[str]) -> int:
    """Compose, check, and hand over to Hydra: one run, a multirun, or one of its ways to show things."""
    args = _parse(words)
    if args.help:
        print(_help(args.config_dir), end="")
        return 0
    if not args.shell_completion and not args.hydra_help:
        _check_command_word(args.overrides)

    from exprun.config.compose import Composer, passed

    args.overrides = passed(args.overrides)
    composer = Composer(args.config_dir, (args.config_name or "config").removesuffix(".yaml"))
    from hydra._internal.hydra import Hydra
    from hydra.core.global_hydra import GlobalHydra

    hydra = Hydra.create_main_hydra2("exprun", composer.search_path)
    try:
        if args.hydra_help:
            hydra.hydra_help(composer.config_name, _hydra_parser(), args)
        elif args.shell_completion:
            _complete(args, composer, hydra)
        elif args.cfg or args.info is not None:
            _show(args, composer, hydra)
        else:
            return _launch(args, composer, hydra)
        return 0
    finally:
        GlobalHydra.instance().clear()


def _complete(args: argparse.Namespace, composer: Any, hydra: Any) -> None:
    """Install tab completion, or answer the shell's question."""
    if not args.overrides or args.overrides[0].split("=")[0] not in ("install", "uninstall", "query"):
        raise ConfigError(
            "--shell-completion takes install=SHELL, uninstall=SHELL or query=SHELL, for example install=bash."
        )
    # Hydra knows `python script.py` and `exprun` as starts of a line, but not `python -m`.
    line = os.environ.get("COMP_LINE", "")
    os.environ["COMP_LINE"] = re.sub(r"^\S*python\S*\s+-m\s+exprun", "exprun", line)
    try:
        hydra.shell_completion(composer.config_name, args.overrides)
    except (ValueError, KeyError) as error:
        raise ConfigError(f"Tab completion: {one_line(error)}") from None


def _hydra_parser() -> argparse.ArgumentParser:
    from hydra._internal.utils import get_args_parser

    parser: argparse.ArgumentParser = get_args_parser()
    return parser


def _parse(words: list[str]) -> argparse.Namespace:
    """Hydra's own options, read by Hydra's own parser."""
    parser = _hydra_parser()
    parser.__class__ = _Parser
    for action in parser._actions:
        if action.dest == "version":
            action.version = f"exprun {__version__}"  # type: ignore[attr-defined]
    args = parser.parse_intermixed_args(words)
    chosen = [name for name in ("run", "multirun", "shell_completion") if getattr(args, name)]
    chosen += [name for name in ("cfg", "info") if getattr(args, name) is not None]
    if len(chosen) > 1:
        raise ConfigError("Only one of --run, --multirun, --cfg, --info and --shell-completion can be given.")
    if args.resolve and not args.cfg:
        raise ConfigError("--resolve goes with --cfg: python -m exprun --cfg job --resolve.")
    if args.package is not None and not args.cfg:
        raise ConfigError("--package goes with --cfg: python -m exprun --cfg job --package optim.")
    if args.experimental_rerun is not None:
        raise ConfigError(
            "--experimental-rerun would unpickle a file, which can execute anything; run the command again."
        )
    if args.config_path is not None:
        raise ConfigError("--config-path would hide what ships; --config-dir adds a folder that is searched first.")
    return args


def _check_command_word(overrides: list[str]) -> None:
    """Refuse a first word that looks like a command and is none."""
    first = overrides[0] if overrides else ""
    if first.isidentifier():
        raise ConfigError(
            f"'{first}' is neither a command ({', '.join(COMMANDS)}) nor an override, which has the form key=value."
        )


def _show(args: argparse.Namespace, composer: Any, hydra: Any) -> None:
    """`--cfg` and `--info`, which show a config that has been checked."""
    composer.config(args.overrides)
    if args.info is not None:
        hydra.show_info(args.info, composer.config_name, args.overrides)
        return
    config = hydra.compose_config(
        composer.config_name, list(args.overrides), _run_mode(False), with_log_configuration=False
    )
    from omegaconf import OmegaConf

    if args.package and args.package != "_global_" and OmegaConf.select(config, args.package) is None:
        raise ConfigError(f"--package {args.package} is not in the config.")
    hydra.show_cfg(composer.config_name, list(args.overrides), args.cfg, args.package, args.resolve)


def _run_mode(multirun: bool) -> Any:
    from hydra.types import RunMode

    return RunMode.MULTIRUN if multirun else RunMode.RUN


def _launch(args: argparse.Namespace, composer: Any, hydra: Any) -> int:
    """Check every job, then run them the way Hydra does."""
    multirun = args.multirun or "hydra.mode=MULTIRUN" in args.overrides
    configs = composer.jobs(args.overrides) if multirun else [composer.config(args.overrides)]
    from exprun.run_folder import preflight

    for config in configs:
        preflight(config)
    overrides = [o for o in args.overrides if not o.startswith("hydra.mode=")]
    mode = f"hydra.mode={_run_mode(multirun).name}"
    options = {"--config-dir": args.config_dir, "--config-name": args.config_name}
    given = [word for option, value in options.items() if value for word in (option, value)]
    os.environ["EXPRUN_OPTIONS"] = shlex.join(given)  # for the jobs, which may run in processes of their own
    from exprun.signals import Killed

    try:
        if multirun:
            return _sweep(composer, hydra, configs, overrides, mode)
        scores = _hydra(lambda: hydra.run(composer.config_name, job, [*overrides, mode]))
    except Killed as killed:
        return _fail(f"stopped by {killed.name}.", killed.exit_code)
    return 1 if any(not score.finished for score in scores) else 0


def _hydra(start: Callable[[], Any]) -> "list[Score]":
    """Let Hydra run its jobs; what they gave."""
    from hydra.errors import HydraException

    try:
        return list(_scores(start()))
    except HydraException as error:
        raise ConfigError(str(error)) from None
    except OSError as error:
        raise RunError(f"{error.filename or 'A folder'} cannot be written: {error.strerror}.") from None


def _sweep(composer: Any, hydra: Any, configs: "list[Config]", given: list[str], mode: str) -> int:
    """Run all jobs of a sweep that are not done yet, and say what became of them."""
    from exprun import sweep
    from exprun.config.compose import quoted

    folder, overrides = None, [*given, mode]
    options = os.environ["EXPRUN_OPTIONS"]
    # A sweep in a folder that was named goes on there; what a sweeper searches for is not the same again.
    if configs and not any(word.startswith(("hydra.sweep.dir=", "hydra/sweeper=")) for word in given):
        folder = sweep.sweep_folder(given, options, configs[0].sweep.rerun)
        overrides = [*overrides, f"hydra.sweep.dir={quoted(str(folder))}"]
    words = shlex.split(options)
    command = shlex.join(["python", "-m", "exprun", "-m", *words, *given])
    parent = _parent_run(composer, configs, folder, given, command)
    try:
        scores = _hydra(lambda: hydra.multirun(composer.config_name, job, overrides))
    except sweep.Stopped:
        if parent is not None:
            parent.close("FAILED", {}, [])
        return _fail("the sweep ends with the run that failed (sweep.on_failure=stop).", 1)
    except BaseException:
        if parent is not None:
            parent.close("KILLED", {}, [])
        raise
    finally:
        os.environ.pop(sweep.ENVIRONMENT, None)
    counts = {state: sum(score.state == state for score in scores) for state in ("trained", "kept", "taken", "failed")}
    told = {"trained": "trained", "kept": "kept from before", "taken": "left to another process", "failed": "failed"}
    summary = ", ".join(f"{count} {told[state]}" for state, count in counts.items() if count)
    if parent is not None:
        parent.close("FAILED" if counts["failed"] else "FINISHED", {"exprun.runs": summary}, [])
    if scores and configs and configs[0].progress != "quiet":
        print(f"sweep: {len(scores)} runs: {summary}.")
        if folder is not None and len(scores) > counts["failed"] + 1:
            print(f"  compare  python -m exprun compare {os.path.relpath(folder)}")
    return _fail(f"{counts['failed']} of {len(scores)} runs failed.", 1) if counts["failed"] else 0


def _parent_run(composer: Any, configs: "list[Config]", folder: Path | None, given: list[str], command: str) -> Any:
    """Tell the jobs of their sweep; open its run in MLflow, where there is one and something is left to do."""
    from exprun import sweep

    if folder is None:
        return None
    factors = composer.varied(given)
    known = sweep.Sweep(folder.name, factors)
    left = [n for n in range(len(configs)) if sweep.status_of(folder / str(n)) != "FINISHED"]
    if not left or configs[0].tracking.name != "mlflow":
        known.announce()
        return None
    from exprun.tracking.parent import Parent
    from exprun.tracking.store import without_password

    tags = {"exprun.sweep": folder.name, "exprun.factors": ", ".join(factors)}
    name = f"sweep {without_password(' '.join(given))}"
    parent = Parent(configs[0], folder, name, command, tags)
    if not any(word.startswith("hydra/launcher=") for word in given):
        from exprun.logs import logging_to

        with logging_to(folder / "sweep.log"):
            import tensorflow  # noqa: F401  # the jobs need it anyway, and the store is opened meanwhile
    found = parent.tags() or {}
    sweep.Sweep(folder.name, factors, found.get("mlflow.parentRunId", "")).announce()
    return parent


class Score(float):
    """The figure that a sweeper optimises, and what became of the run: trained, kept, taken or failed."""

    state = "trained"

    @property
    def finished(self) -> bool:
        """Whether it came to its end, here or elsewhere."""
        return self.state != "failed"


def _score(value: float, state: str) -> Score:
    score = Score(value)
    score.state = state
    return score


def _scores(returned: Any) -> Iterator[Score]:
    """What the jobs returned, from Hydra's nested lists; a sweeper that keeps it to itself gives nothing."""
    if isinstance(returned, list | tuple):
        for inner in returned:
            yield from _scores(inner)
    elif returned is not None:
        yield returned.return_value


def job(config: "DictConfig") -> Score:
    """One run of Hydra's; returns the figure that `trainer.select` names."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf, open_dict

    from exprun.config.compose import typed
    from exprun.sweep import Stopped, announced, goes_on
    from exprun.tracking.store import without_password

    hydra = HydraConfig.get()
    overrides = [str(text) for text in hydra.overrides.task]
    sweeping = hydra.mode.name == "MULTIRUN"
    if sweeping and not any(o.startswith("run_dir=") for o in overrides):
        with open_dict(config):
            config.run_dir = hydra.runtime.output_dir
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)
    plain.pop("hydra", None)
    typed_config = typed({str(key): value for key, value in plain.items()}, {o.split("=")[0] for o in overrides})
    shown = without_password(" ".join(overrides))
    words = ["python", "-m", "exprun", *shlex.split(os.environ.get("EXPRUN_OPTIONS", "")), *overrides]
    if not sweeping:
        return _attempt(typed_config, shlex.join(words), "")
    label = f"run {hydra.job.num} ({shown})"
    if typed_config.progress != "quiet":
        print(f"{label}:", flush=True)
    if typed_config.tracking.run_name is None:
        typed_config.tracking.run_name = f"{hydra.job.num} {shown}"[:200]
    if (known := announced()) is not None and typed_config.tracking.name == "mlflow":
        typed_config.tracking.tags = {**(typed_config.tracking.tags or {}), **known.tags(overrides)}
    if not goes_on(typed_config, Path(typed_config.run_dir)):
        return _failed(f"{label} failed before, and sweep.rerun=never", 1)
    score = _attempt(typed_config, shlex.join(words), label)
    for attempt in range(typed_config.sweep.retries):
        if score.finished:
            break
        print(f"{label}, try {attempt + 2}:", flush=True)
        typed_config.trainer.resume = True
        score = _attempt(typed_config, shlex.join(words), label)
    if not score.finished and typed_config.sweep.on_failure == "stop":
        raise Stopped
    return score


def _failed(sentence: str, code: int) -> Score:
    _fail(sentence, code)
    return _score(float("nan"), "failed")


def _attempt(config: "Config", command: str, label: str) -> Score:
    """One try of a run; `label` names it in a sweep."""
    from exprun.run_folder import COMPLETE, TakenError
    from exprun.runner import run

    start = f"{label} failed: " if label else ""
    try:
        result = run(config, _session(), command)
    except TakenError as error:
        if not label:
            return _failed(str(error), error.exit_code)
        print(f"{label}: another process is at it.")
        return _score(float("nan"), "taken")
    except UserError as error:
        return _failed(f"{start}{error}", error.exit_code)
    except Exception as error:
        known = f"{type(error).__name__}: {one_line(error)[:200]}"
        return _failed(f"{start}{known} (the whole of it is in {config.run_dir}/run.log)", 1)
    if result.reason == COMPLETE and config.progress != "quiet":
        print("  kept from before" if label else f"exprun: the run in {result.run_dir} is complete already.")
    if result.status != "FINISHED":
        return _failed(f"{start}{result.reason}", 1)
    best = "val/best_accuracy" if config.trainer.select == "val/accuracy" else "val/best_loss"
    return _score(result.metrics.get(best, float("nan")), "kept" if result.reason == COMPLETE else "trained")


_SESSIONS: list[Any] = []


def _session() -> Any:
    """What the runs of this process share."""
    from exprun.runner import Session

    if not _SESSIONS:
        _SESSIONS.append(Session())
    return _SESSIONS[0]


def _help(config_dir: str | None) -> str:
    """Groups, options and examples; read from the files, without composing anything."""
    from exprun.config.options import options

    lines = [
        "exprun trains an image-classification CNN that a config describes, and logs the run to MLflow.",
        "",
        "  python -m exprun [group=option] [key=value] …     train",
        "  python -m exprun -m group=option,option …         train every combination",
        "  python -m exprun check [group=option] …           what is wrong, before any training",
        "  python -m exprun explain [group=option] …         why does it not learn? By short runs",
        "  python -m exprun compare [folder] …               which setting is better? With intervals over seeds",
        "  python -m exprun runs                             what was trained here; show, diff, delete",
        "  python -m exprun ui                               open the runs in MLflow",
        "",
        "Groups and their options:",
    ]
    found = options(config_dir)
    width = max(len(option) for group in found.values() for option in group)
    for group, choices in found.items():
        lines += ["", f"  {group}="]
        lines += [f"    {option:<{width}}  {text}" for option, text in choices.items()]
    lines += ["", "Examples:", ""]
    lines += [f"  {command}\n      {text}" for command, text in EXAMPLES]
    lines += [
        "",
        "Every key and its value: --cfg job. Also: --resolve, --config-dir DIR, --info, --hydra-help,",
    ]
    lines += ['--version, and tab completion: eval "$(exprun -sc install=bash)"', ""]
    return "\n".join(lines)


def _ui(words: list[str]) -> int:
    """Serve MLflow's UI of the store on this machine's loopback interface."""
    import signal
    import socket
    import subprocess

    from exprun.tracking.store import OUTPUTS, artifact_root, tracking_uri, without_password

    parser = _Parser(prog="python -m exprun ui", description="Serve MLflow's UI of the runs logged here.")
    parser.add_argument("--port", type=int, default=5000, help="port on 127.0.0.1 (default: 5000)")
    parser.add_argument("--uri", default=None, help="another store than outputs/mlflow.db")
    args = parser.parse_args(words)
    if not 0 < args.port < 65536:
        raise ConfigError(f"--port is {args.port}, but must be from 1 to 65535.")
    uri = tracking_uri(args.uri)
    if uri.startswith(("http:", "https:")):
        raise ConfigError(f"{without_password(uri)} is a server of its own: open it in a browser.")
    if not re.match(r"(sqlite:///|postgresql|mysql|mssql)", uri):
        raise ConfigError(
            f"--uri is {without_password(uri)}, but must be a database, for example sqlite:///outputs/mlflow.db."
        )
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists():
        raise ConfigError(f"There is no store at {uri.removeprefix('sqlite:///')} yet: train first, in this folder.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", args.port))
        except OSError:
            raise RunError(
                f"Port {args.port} is in use; choose another: python -m exprun ui --port {args.port + 1}."
            ) from None
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri]
    if root := artifact_root(uri):
        command += ["--default-artifact-root", root]
    command += ["--host", "127.0.0.1", "--port", str(args.port), "--workers", "1"]
    OUTPUTS.mkdir(exist_ok=True)
    log = OUTPUTS / "ui.log"
    print(
        f"MLflow's UI of {without_password(uri)}: http://127.0.0.1:{args.port} (Ctrl-C ends it; its log: {log})",
        flush=True,
    )
    with open(log, "w") as file:
        # In a session of its own, so that Ctrl-C reaches only this process, which ends the server in one piece.
        server = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)
        try:
            code = server.wait()
        except KeyboardInterrupt:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait()
            return 130
    raise RunError(f"MLflow's server ended with code {code}; its log is {log}.")


def _check(words: list[str]) -> int:
    """Say what is wrong with a config, its data and its network, without training."""
    import tempfile

    from exprun.config.compose import Composer
    from exprun.run_folder import preflight

    parser = _Parser(
        prog="python -m exprun check",
        description="Say what is wrong with a config, its data and its network, without training. Ends with 1 where "
        "something is.",
    )
    parser.add_argument("overrides", nargs="*", help="of the config, as for training")
    parser.add_argument("--config-dir", metavar="DIR", help="a folder of config files that is searched first")
    args = parser.parse_intermixed_args(words)
    config = Composer(args.config_dir).config(args.overrides)
    if config.doctor.name == "none":
        raise ConfigError("check asks the doctor: leave out doctor=none.")
    preflight(config)
    print(f"Looking at model={config.model.name} and data={config.data.name}, without training …", flush=True)

    from exprun.check import examine
    from exprun.doctor.finding import verdict
    from exprun.logs import logging_to
    from exprun.runner import Session

    with tempfile.TemporaryDirectory() as folder, logging_to(Path(folder) / "check.log"):
        findings = examine(config, Session())
    print(_printable_lines(verdict(findings)))
    return 1 if any(finding.severity != "note" for finding in findings) else 0


def _printable_lines(text: str) -> str:
    return "\n".join(_printable(line) for line in text.splitlines())


def _explain(words: list[str]) -> int:
    """Find out by short runs which change makes a config learn."""
    mark = words.index("--against") if "--against" in words else len(words)
    parser = _Parser(
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

    against = words[mark + 1 :] if mark < len(words) else None
    return explain(args.overrides, against, args.minutes, args.seeds, args.steps, args.config_dir)


def _compare_arguments(words: list[str]) -> argparse.Namespace:
    parser = _Parser(
        prog="python -m exprun compare",
        description="Say which setting is better, with intervals over seeds, and what makes the comparison unfair. "
        "Writes one HTML file.",
    )
    parser.add_argument("places", nargs="*", metavar="FOLDER", help="of runs or of sweeps; last: the newest sweep")
    parser.add_argument("--by", metavar="KEY,KEY", help="the factors (default: all settings that vary, but the seed)")
    parser.add_argument("--figure", default="val/accuracy", help="the final figure to compare (default: val/accuracy)")
    parser.add_argument("--where", metavar="KEY=VALUE", action="append", default=[], help="only these runs")
    parser.add_argument("--html", metavar="FILE", help="where the report goes (default: into the first folder)")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    parser.add_argument("--csv", action="store_true", help="print a line of CSV for each run in place of the table")
    args = parser.parse_intermixed_args(words)
    if args.json and args.csv:
        raise ConfigError("Only one of --json and --csv can be given.")
    return args


def _compare(words: list[str]) -> int:
    """Say which setting is better, with intervals over seeds."""
    args = _compare_arguments(words)
    from exprun.compare import report
    from exprun.compare.analysis import analyse
    from exprun.compare.query import LAST, select

    places = args.places or [LAST]
    runs = select(places, args.where)
    by = [key for key in args.by.split(",") if key] if args.by else None
    found = analyse(runs, by, args.figure)
    page = Path(args.html) if args.html else runs[0].folder.parent / "report.html"
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
    parser = _Parser(
        prog="python -m exprun runs",
        usage="%(prog)s [--where KEY=VALUE] [--most N] | show RUN | diff RUN RUN | delete RUN … --yes",
        description="List the runs below outputs/, show one, say in what two differ, or delete some with their files.",
    )
    parser.add_argument("action", nargs="?", default="list", choices=["list", "show", "diff", "delete"])
    parser.add_argument("runs", nargs="*", metavar="RUN", help="its folder, or the end of the folder's name")
    parser.add_argument("--where", metavar="KEY=VALUE", action="append", default=[], help="list only these")
    parser.add_argument("--most", type=int, default=30, help="lines of the list (default: 30)")
    parser.add_argument("--yes", action="store_true", help="delete without asking")
    args = parser.parse_intermixed_args(words)
    wanted = {"list": 0, "show": 1, "diff": 2}.get(args.action)
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
            print(f"deleted {_printable(run.name)}")
    return 0


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "check": _check,
    "explain": _explain,
    "compare": _compare,
    "runs": _runs,
    "ui": _ui,
}
