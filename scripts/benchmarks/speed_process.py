"""Processes for the programs that `scripts/bench speed` compares; each works only while it answers a command."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

MAX_SECONDS = 8.0  # time of an answer, about; an epoch may be over before
FEWEST_STEPS = 2  # steps of an answer, even if they take longer


class Side:
    """One of the compared programs, which reads one command per line and answers each with a line of JSON.

    Args:
        command: the command line of the program.
    """

    def __init__(self, command: list[str]) -> None:
        self.command = command
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - open as long as the process runs
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True
        )
        self.first = self._read()  # the answer of the first epoch, which builds, traces and compiles everything

    def ask(self, command: str) -> dict[str, Any]:
        """Send a command to the program; returns the answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self._read()

    def speed(self, command: str) -> float:
        """The images per second while the program does a command."""
        answer = self.ask(command)
        return answer["images"] / answer["seconds"]

    def end(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        self.errors.close()

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            raise SystemExit(f"{' '.join(self.command)} ended:\n{self.errors.read()[-2000:]}")
        return json.loads(line)


@contextmanager
def sides(commands: dict[str, list[str]]) -> Iterator[dict[str, Side]]:
    """Start programs one after the other, yield them by name, and end them together.

    Args:
        commands: the command line of each program, by name.
    """
    started: dict[str, Side] = {}
    try:
        for name, command in commands.items():
            started[name] = Side(command)
        yield started
    finally:
        for side in started.values():
            side.end()


def in_turn(turns: int, *calls: tuple[Side, str]) -> list[list[float]]:
    """The images per second of each call, by turn; in each turn the programs do their commands one after the other.

    Args:
        turns: the number of turns.
        calls: the programs, each with its command.
    """
    speeds = [[side.speed(command) for side, command in calls] for _ in range(turns)]
    return [list(of_call) for of_call in zip(*speeds, strict=True)]


def answer_commands(answer: Callable[[int], dict[str, Any]], steps: int) -> None:
    """Compile, answer once, and then answer each line that a `Side` sends, until the line `end`.

    This is what the compared programs do that train with their own loop.

    Args:
        answer: function that trains for some steps; returns the seconds and the number of images.
        steps: the number of steps of an epoch, the most of an answer.
    """
    taken = FEWEST_STEPS
    answer(taken)
    while True:
        answered = answer(taken)
        print(json.dumps(answered), flush=True)
        taken = min(steps, max(FEWEST_STEPS, int(taken * MAX_SECONDS / answered["seconds"])))
        if sys.stdin.readline().strip() in ("end", ""):
            break
