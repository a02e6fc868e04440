"""The budget of a deciding sweep: a number of runs, or hours of training."""

import re
from dataclasses import dataclass

from exprun.config.errors import ConfigError

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}  # seconds in each unit
RUNS, TIME = re.compile(r"[1-9]\d{0,8}"), re.compile(r"(\d{1,9}(?:\.\d{1,9})?)([smhd])")


@dataclass(frozen=True)
class Budget:
    """What a deciding sweep may use; None for no limit.

    Args:
        runs: the number of runs.
        seconds: the time of training and evaluation in seconds, added up over all runs.
        text: the budget, for people: `40 runs` or `2h`.
    """

    runs: int | None = None
    seconds: float | None = None
    text: str = ""


def parse(budget: int | str | None) -> Budget:
    """The budget that `sweep.budget` names.

    Args:
        budget: the setting, such as `40` or `2h`; None for no limit.

    Raises:
        ConfigError: the setting is neither a number of runs nor a time.
    """
    if budget is None:
        return Budget()
    text = str(budget).strip()
    if RUNS.fullmatch(text):
        return Budget(runs=int(text), text=f"{text} run{'' if text == '1' else 's'}")
    if (time := TIME.fullmatch(text)) and float(time[1]) > 0:
        return Budget(seconds=float(time[1]) * SECONDS[time[2]], text=text)
    raise ConfigError(
        f"sweep.budget={budget}, but it must be a number of runs, such as 40, or a time with its unit, such as 90s, "
        "30m, 2h or 1d."
    )
