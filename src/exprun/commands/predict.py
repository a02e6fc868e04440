"""`predict`: classify images with the network of a run."""

import argparse
import json

from exprun.commands import Parser, without_logs
from exprun.config.errors import ConfigError, printable, say


def parser() -> Parser:
    """The parser of the command's arguments."""
    found = Parser(
        prog="python -m exprun predict",
        description="Classify images with the network of a run. The exit code is 1 if an image cannot be read.",
    )
    found.add_argument("run", metavar="RUN", help="run folder, the end of its name, or last")
    found.add_argument("images", metavar="IMAGE", nargs="+", help="image files, or folders of images")
    found.add_argument(
        "--top",
        type=int,
        metavar="N",
        help="print the N likeliest classes (default: 3; with several labels, those with a probability above 0.5)",
    )
    found.add_argument("--above", type=float, metavar="P", help="print only classes with a probability above P")
    found.add_argument("--json", action="store_true", help="print JSON instead of lines")
    found.add_argument("--trust", action="store_true", help="run the Python code that the run's config names")
    return found


def parse(words: list[str]) -> argparse.Namespace:
    """The arguments of a command line."""
    args = parser().parse_intermixed_args(words)
    if args.top is not None and args.top < 1:
        raise ConfigError(f"--top is {args.top}, but must be above 0.")
    if args.above is not None and not 0 <= args.above < 1:
        raise ConfigError(f"--above is {args.above:g}, but must be at least 0 and below 1.")
    return args


def run(words: list[str]) -> int:
    """Print the likeliest classes of each image; returns 1 if an image cannot be read."""
    args = parse(words)
    from exprun import predict
    from exprun.data.folder import summary
    from exprun.export import check_consent
    from exprun.records import find_run

    run = find_run(args.run)
    check_consent(run, args.trust)
    files, left_out = predict.find(args.images)
    if left_out:
        say(f"{summary(left_out)}.")
    with without_logs():
        predictions = list(predict.predict(run, files, args.top, args.above))
    if args.json:
        facts = [{"file": p.file, "classes": dict(p.classes), "problem": p.problem} for p in predictions]
        print(json.dumps(facts, indent=1, ensure_ascii=False))
    for prediction in predictions:
        if prediction.problem:
            say(f"{prediction.file} cannot be read: {prediction.problem}.")
        elif not args.json:
            classes = "  ".join(f"{name} {probability:.1%}" for name, probability in prediction.classes) or "no class"
            print(printable(f"{prediction.file}  {classes}"))
    return 1 if any(prediction.problem for prediction in predictions) else 0
