"""`export`: write the network of a run as a file that takes pixels."""

import argparse
import os
from pathlib import Path

from exprun.commands import Parser, without_logs
from exprun.config.errors import ConfigError, printable, say
from exprun.config.paths import user_path
from exprun.formats import FORMATS


def parser() -> Parser:
    """The parser of the command's arguments."""
    found = Parser(
        prog="python -m exprun export",
        description="Write the network of a run as a file that takes pixels, with a model card. The file is compared "
        "with predict on images of the run. The exit code is 1 if it predicts something else.",
    )
    found.add_argument("run", metavar="RUN", help="run folder, the end of its name, or last")
    found.add_argument("--to", metavar="FORMAT", default="keras", help=f"{', '.join(FORMATS)} (default: keras)")
    precision = found.add_mutually_exclusive_group()
    precision.add_argument("--float16", action="store_true", help="weights in float16, for --to tflite")
    precision.add_argument(
        "--int8",
        action="store_true",
        help="weights and activations in int8, for --to tflite; training images of the run give their ranges",
    )
    found.add_argument(
        "--folder", help="folder for the files (default: export/ in the run folder; export/FORMAT/ if not keras)"
    )
    found.add_argument(
        "--images",
        metavar="IMAGE",
        nargs="+",
        default=[],
        help="image files, or folders of images, to compare instead of images of the run",
    )
    found.add_argument("--trust", action="store_true", help="run the Python code that the run's config names")
    return found


def parse(words: list[str]) -> argparse.Namespace:
    """The arguments of a command line."""
    args = parser().parse_intermixed_args(words)
    if args.to not in FORMATS:
        raise ConfigError(
            f"--to is {args.to}, but must be one of {', '.join(FORMATS)}; --folder names the folder of the files."
        )
    if (args.float16 or args.int8) and args.to != "tflite":
        raise ConfigError(f"--{'int8' if args.int8 else 'float16'} is for --to tflite, not for --to {args.to}.")
    return args


def run(words: list[str]) -> int:
    """Write the model and its model card, print their paths and how they agree; returns 1 if they do not."""
    args = parse(words)
    from exprun import predict
    from exprun.export import check_consent
    from exprun.formats import require
    from exprun.records import find_run

    require(args.to)
    run = find_run(args.run)
    check_consent(run, args.trust)
    precision = "int8" if args.int8 else "float16" if args.float16 else "float32"
    folder = _folder(args, run.folder / "export", precision)
    files = predict.find(args.images)[0]
    with without_logs():
        from exprun.formats.export import export

        paths, found, problem = export(run, folder, args.to, precision, files)
    for path in paths:
        print(printable(os.path.relpath(path)))
    if found is None:
        say(f"The file was not compared with predict: {problem} --images names images to compare.")
    else:
        print(found)
        if not found.holds:
            say(f"The file does not agree with the run: a difference of at most {found.limit:g} was expected.")
            return 1
    return 0


def _folder(args: argparse.Namespace, default: Path, precision: str) -> Path:
    """The folder for the files.

    Raises:
        ConfigError: the named folder is a file, or already holds a model.
    """
    if not args.folder:
        names = [args.to, *([precision] if precision != "float32" else [])]
        return default if args.to == "keras" else default / "-".join(names)
    folder, file = user_path(args.folder, f"--folder {args.folder}"), FORMATS[args.to].file
    if (folder / file).exists():
        raise ConfigError(f"--folder {args.folder} already holds a {file}; name another folder.")
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"--folder {args.folder} is a file, but must be a folder.")
    return folder
