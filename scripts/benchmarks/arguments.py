"""The command line of the benchmarks that repeat a measurement."""

import argparse


def repeats(benchmark: str, description: str | None, what: str) -> int:
    """The number of repeats on the command line, 5 unless given.

    Args:
        benchmark: the name of the benchmark.
        description: the description in the benchmark's help.
        what: the name of the things that are repeated, in the plural, such as "pairs of runs".
    """
    parser = argparse.ArgumentParser(prog=f"scripts/bench {benchmark}", description=description)
    parser.add_argument("repeats", nargs="?", type=int, default=5, help=f"number of {what}, 5 unless given")
    number: int = parser.parse_args().repeats
    if number < 1:
        parser.error(f"the number of {what} is {number}, but it must be at least 1")
    return number
