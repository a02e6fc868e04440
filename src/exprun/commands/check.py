"""`check`: report what is wrong with a config, its data and its network, without training."""

import argparse

from exprun.commands import Parser, add_config_dir, without_logs
from exprun.config.errors import ConfigError, printable


def parser() -> Parser:
    """The parser of the command's arguments."""
    found = Parser(
        prog="python -m exprun check",
        description="Report what is wrong with a config, its data and its network, without training. The exit code is "
        "1 if there is a warning or an error.",
    )
    found.add_argument("overrides", nargs="*", help="overrides of the config, as for training")
    add_config_dir(found)
    return found


def parse(words: list[str]) -> argparse.Namespace:
    """The arguments of a command line."""
    return parser().parse_intermixed_args(words)


def run(words: list[str]) -> int:
    """Print the doctor's findings; returns 1 if one of them is a warning or an error."""
    args = parse(words)
    from exprun.config.compose import Composer
    from exprun.outputs import with_last_run
    from exprun.preflight import preflight

    config = Composer(args.config_dir).config(with_last_run(args.overrides))
    if config.doctor.name == "none":
        raise ConfigError("check prints the findings of the doctor: leave out doctor=none.")
    preflight(config)
    print(f"Checking model={config.model.name} and data={config.data.name}, without training …", flush=True)

    from exprun.check import examine
    from exprun.doctor.diagnosis import verdict
    from exprun.session import Session

    with without_logs():
        findings = examine(config, Session(), lambda line: print(printable(line), flush=True))
    print("\n".join(printable(line) for line in verdict(findings).splitlines()))
    return 1 if any(finding.severity != "note" for finding in findings) else 0
