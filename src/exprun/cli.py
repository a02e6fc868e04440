"""The command line. Nothing here imports TensorFlow or MLflow, so that help and errors are printed at once."""

import argparse
import io
import os
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from exprun import backend, commands
from exprun.commands import Parser
from exprun.config.errors import ConfigError, UserError, one_line, say
from exprun.signals import Killed
from exprun.version import __version__

# Overrides that keep Hydra from writing files, as exprun itself writes the run's folder, config and log.
HYDRA = ("hydra/job_logging=none", "hydra/hydra_logging=none", "hydra.output_subdir=null", "hydra.run.dir=${run_dir}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code.

    The exit codes are: 0, the command succeeded; 1, the run failed; 2, the command line or the config is wrong; 130,
    Ctrl-C ended the run; 143, SIGTERM ended the run.

    Args:
        argv: the words of the command line, without the program's name; None for those of this process.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    _open_streams()
    # A script of `diagnose` and the server of `warm` get the environment of the person who starts them.
    if words[:1] not in (["diagnose"], ["warm"]):
        backend.prepare()
        backend.own_process()
    for stream in (sys.stdout, sys.stderr):
        # Characters that the terminal's encoding does not have are printed as a question mark.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        if words and words[0] in commands.NAMES:
            return commands.load(words[0]).run(words[1:])
        return _train(words)
    except UserError as error:
        say(error)
        return error.exit_code
    except Killed as killed:
        say(f"stopped by {killed.name}.")
        return killed.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of the output has closed the pipe, so nothing more can be printed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _open_streams() -> None:
    """Open the null device for each closed standard stream; otherwise the next opened file would get its number."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def _train(words: list[str]) -> int:
    """Train one run or a sweep, or print help, a config or tab completions; returns the exit code."""
    args = _parse(words)
    if args.help:
        print(_help(args), end="")
        return 0
    if not args.shell_completion and not args.hydra_help:
        _check_command_word(args.overrides)

    from exprun.config.compose import Composer
    from exprun.config.overrides import in_hydras_grammar
    from exprun.outputs import with_last_run

    args.overrides = with_last_run(in_hydras_grammar(args.overrides))
    composer = Composer(args.config_dir, (args.config_name or "config").removesuffix(".yaml"))
    from hydra._internal.hydra import Hydra
    from hydra.core.global_hydra import GlobalHydra

    hydra = Hydra("exprun", composer.loader)
    GlobalHydra.instance().initialize(hydra)
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
    """Install or uninstall tab completion, or print the completions for a shell."""
    if not args.overrides or args.overrides[0].split("=")[0] not in ("install", "uninstall", "query"):
        raise ConfigError(
            "--shell-completion takes install=SHELL, uninstall=SHELL or query=SHELL, for example install=bash."
        )
    # Hydra accepts lines that start with `python script.py` or `exprun`, but not with `python -m`.
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
    """The options of the command line, read by Hydra's parser."""
    parser = _hydra_parser()
    parser.__class__ = Parser
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
        raise ConfigError(
            "--config-path would hide the configs that exprun ships; --config-dir adds a folder that is searched first."
        )
    return args


def _check_command_word(overrides: list[str]) -> None:
    """Refuse a first word that looks like a command but is not one."""
    first = overrides[0] if overrides else ""
    if first.isidentifier():
        raise ConfigError(
            f"'{first}' is neither a command ({', '.join(commands.NAMES)}) nor an override, which has the form "
            "key=value."
        )


def _show(args: argparse.Namespace, composer: Any, hydra: Any) -> None:
    """Print a config, after checking it (`--cfg` and `--info`)."""
    composer.config(args.overrides)
    if args.info is not None:
        hydra.show_info(args.info, composer.config_name, args.overrides)
        return
    from hydra.types import RunMode
    from omegaconf import OmegaConf

    config = hydra.compose_config(composer.config_name, list(args.overrides), RunMode.RUN, with_log_configuration=False)

    if args.package and args.package != "_global_" and OmegaConf.select(config, args.package) is None:
        raise ConfigError(f"--package {args.package} is not in the config.")
    hydra.show_cfg(composer.config_name, list(args.overrides), args.cfg, args.package, args.resolve)


def _launch(args: argparse.Namespace, composer: Any, hydra: Any) -> int:
    """Check and train one run or a sweep; returns the exit code."""
    values = {"--config-dir": args.config_dir, "--config-name": args.config_name}
    options = [word for option, value in values.items() if value for word in (option, value)]
    overrides = [o for o in args.overrides if not o.startswith("hydra.mode=")]
    if unknown := set(args.overrides) - {*overrides, "hydra.mode=RUN", "hydra.mode=MULTIRUN"}:
        raise ConfigError(f"{unknown.pop()} is not known; hydra.mode is RUN or MULTIRUN.")
    if args.multirun or "hydra.mode=MULTIRUN" in args.overrides:
        return _sweep(composer, hydra, overrides, shlex.join(options))
    return _run(composer, hydra, overrides, options)


def _run(composer: Any, hydra: Any, overrides: list[str], options: list[str]) -> int:
    """Compose, check and train one run, with Hydra's callbacks and `hydra.job.env_set`; returns the exit code."""
    from hydra._internal.callbacks import Callbacks
    from hydra.core.hydra_config import HydraConfig
    from hydra.core.utils import configure_log, run_job
    from hydra.types import HydraContext

    from exprun.attempt import Attempt, attempt
    from exprun.config.compose import typed

    config, composed = composer.run(overrides, [word for word in _own(overrides) if not word.startswith("hydra.run.")])
    from exprun.preflight import preflight
    from exprun.sweep.plan import check_grid

    check_grid(config, "this is a single run: add -m to start a sweep")
    if config.sweep.prune != "none":
        raise ConfigError("sweep.prune compares runs of a sweep, but this is a single run: add -m to start a sweep.")
    preflight(config)

    def train(job_config: Any) -> Attempt:
        """Train the run; Hydra calls this after it has set its environment variables and called its callbacks."""
        given = [str(text).lstrip("+") for text in HydraConfig.get().overrides.task]
        command = shlex.join(["python", "-m", "exprun", *options, *given])
        return attempt(typed(job_config, composer.keys_of(overrides)), command)

    configure_log(composed.hydra.hydra_logging, composed.hydra.verbose)
    callbacks = Callbacks(composed)
    callbacks.on_run_start(config=composed, config_name=composer.config_name)
    done = run_job(
        task_function=train,
        config=composed,
        job_dir_key="hydra.run.dir",
        job_subdir_key=None,
        hydra_context=HydraContext(config_loader=hydra.config_loader, callbacks=callbacks),
        configure_logging=True,
    )
    callbacks.on_run_end(config=composed, config_name=composer.config_name, job_return=done)
    return 0 if done.return_value.finished else 1


def _sweep(composer: Any, hydra: Any, overrides: list[str], options: str) -> int:
    """Compose, check and train the runs of a sweep; returns the exit code."""
    from exprun.sweep import plan
    from exprun.sweep.folder import check_run
    from exprun.sweep.launch import check_workers, has_launcher, sweep

    planned = plan.make(composer, overrides)
    # If a sweeper searches, the overrides that it does not vary hold the settings of the whole sweep.
    configs = planned.configs if planned is not None else [composer.config(composer.single_valued(overrides))]
    if configs[0].sweep.prune != "none" and "run_dir" in composer.keys_of(overrides):
        raise ConfigError(
            "sweep.prune compares runs in the sweep's own folder: leave out run_dir, or choose the sweep's folder with "
            "hydra.sweep.dir=…."
        )
    check_workers(configs[0], planned, has_launcher(overrides))
    for config in configs:
        check_run(config, Path(config.run_dir), has_launcher(overrides), searched=planned is None)
    return sweep(composer, hydra, planned, configs[0], overrides, _own(overrides), options)


def _own(overrides: list[str]) -> list[str]:
    """The settings of Hydra that exprun chooses, without those that a person has set."""
    keys = {text.split("=")[0] for text in overrides}
    return [word for word in HYDRA if word.split("=")[0] not in keys]


def _help(args: argparse.Namespace) -> str:
    """The help for the words next to `--help`, which Hydra's parser reads as overrides."""
    from exprun.commands.help import text

    words = [word for word in args.overrides if "=" not in word and not word.startswith("~")]
    return text(words, args.config_dir, (args.config_name or "config").removesuffix(".yaml"))
