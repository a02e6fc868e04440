"""`diagnose`: run any Keras script as it is, watched by the doctor, and report why its network does not learn."""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

from exprun.commands import Parser
from exprun.config.errors import ConfigError
from exprun.diagnose.options import add_options


def parser() -> Parser:
    """The parser of the command's arguments."""
    found = Parser(
        prog="python -m exprun diagnose",
        description="Run a Keras script as it is, watched by the doctor, and report why its network does not learn. "
        "The results of the script are the same to the bit, unless an option ends it early. The exit code is that of "
        "the script.",
        usage="python -m exprun diagnose [options] (SCRIPT | -m MODULE) [arguments of the script]",
    )
    found.add_argument("-m", dest="module", action="store_true", help="run a module, as `python -m` does")
    add_options(found)
    found.add_argument("--strict", action="store_true", help="exit with 1 if there is a warning or an error")
    found.add_argument("script", metavar="SCRIPT", help="the script, or the module with -m")
    found.add_argument("arguments", nargs=argparse.REMAINDER, help="the script's own arguments")
    return found


def parse(words: list[str]) -> argparse.Namespace:
    """The arguments of a command line; everything after the script belongs to the script."""
    return parser().parse_args(words)


def run(words: list[str]) -> int:
    """Replace this process with one that runs the script; returns only if the command line is wrong."""
    args = parse(words)
    if not args.module:
        _check_script(args.script)
    for name in ("json", "html"):
        file = getattr(args, name)
        if file is not None and not Path(file).absolute().parent.is_dir():
            raise ConfigError(f"--{name} {file}: the folder does not exist.")
        if file is not None and (not file or Path(file).is_dir()):
            raise ConfigError(f"--{name} {file or repr(file)}: it must be a file, not a folder.")
    options = {name: value for name, value in vars(args).items() if name not in ("script", "arguments")}
    for name in ("json", "html"):  # the script may change the folder
        options[name] = None if options[name] is None else str(Path(options[name]).absolute())
    # The flags of this interpreter, such as -O and -X, are those of the script, too.
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    command = [sys.executable, *flags, "-m", "exprun.diagnose", json.dumps(options), args.script]
    if importlib.util.find_spec("keras") is None:
        raise ConfigError("Keras is not installed in this environment.")
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [*command, *args.arguments])


def _check_script(script: str) -> None:
    """Refuse a script that Python cannot run, before anything heavy is imported."""
    path = Path(script)
    if not path.exists():
        raise ConfigError(f"{script} does not exist.")
    if path.is_dir():
        raise ConfigError(f"{script} is a folder; name the script in it, for example {path / 'train.py'}.")
    if path.suffix == ".ipynb":
        raise ConfigError(f"{script} is a notebook: in it, run %load_ext exprun, and start the cell with %%diagnose.")
    try:
        compile(path.read_bytes(), script, "exec", dont_inherit=True)
    except OSError as error:
        raise ConfigError(f"{script} cannot be read: {error.strerror}.") from None
    except SyntaxError as error:
        line = "" if error.lineno is None else f", line {error.lineno}"
        raise ConfigError(f"{script}{line}, is not Python: {error.msg}.") from None
    except (ValueError, UnicodeError) as error:
        raise ConfigError(f"{script} is not Python: {error}.") from None
