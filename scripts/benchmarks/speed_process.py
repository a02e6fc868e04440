"""The compared programs of `scripts/bench speed` as processes that work only while they answer a command."""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Side:
    """One of the compared programs: it reads commands, one a line, and answers each with a line of JSON."""

    def __init__(self, command: list[str]) -> None:
        self.command = command
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - open as long as the process runs
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True
        )
        self.first = self._read()  # the first epoch: everything is built, traced and compiled after it

    def ask(self, command: str) -> dict[str, Any]:
        """Let it do a command, and return its answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self._read()

    def speed(self, command: str) -> float:
        """Images per second while it does a command."""
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
    """Programs by name, started one after the other and ended together."""
    started: dict[str, Side] = {}
    try:
        for name, command in commands.items():
            started[name] = Side(command)
        yield started
    finally:
        for side in started.values():
            side.end()


def in_turn(turns: int, *calls: tuple[Side, str]) -> list[list[float]]:
    """Images per second of each call, by turn; in each turn the programs do their commands one after the other."""
    speeds = [[side.speed(command) for side, command in calls] for _ in range(turns)]
    return [list(of_call) for of_call in zip(*speeds, strict=True)]
