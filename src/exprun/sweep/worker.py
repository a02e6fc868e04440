"""`python -m exprun.sweep.worker`: a worker process of a sweep, which `exprun.sweep.process` starts.

It takes messages from its standard input, one after the other, and answers each on its standard output.
"""

import contextlib
import json
import os
import queue
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Channel:
    """The messages from and to the process of the sweep.

    Standard output is for messages alone, so all else that is printed is sent to standard error instead. If the other
    process ends in any way, the run of this process is stopped as SIGTERM stops it.
    """

    def __init__(self) -> None:
        self._answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
        os.dup2(2, 1)
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(encoding="utf-8", errors="replace", line_buffering=True)  # type: ignore[union-attr]
        self.setup: dict[str, Any] = json.loads(sys.stdin.readline())
        self._messages: queue.Queue[dict[str, Any]] = queue.Queue()

    def listen(self) -> None:
        """Take messages in a thread from now on, so that one can stop a run."""
        threading.Thread(target=self._read, daemon=True).start()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The messages until the worker has to end."""
        while not {"end", "stop"} & (message := self._messages.get()).keys():
            yield message

    def send(self, message: dict[str, Any]) -> None:
        """Send a message; the process of the sweep may have died."""
        with contextlib.suppress(OSError):
            self._answers.write(json.dumps(message) + "\n")

    def _read(self) -> None:
        from exprun.signals import request

        for line in sys.stdin:
            message = json.loads(line)
            if "stop" in message:
                request(message["stop"])
            self._messages.put(message)
            if "end" in message:
                return
        request("SIGTERM")


def main() -> int:
    """Answer messages until the sweep ends; returns the exit code."""
    channel = Channel()
    if channel.setup["cores"]:  # before NumPy is imported, which counts the cores
        os.sched_setaffinity(0, channel.setup["cores"])

    from exprun import backend
    from exprun.logs import logging_to
    from exprun.signals import Killed
    from exprun.trainer import cores

    cores.share_of(channel.setup["whole"])
    channel.listen()
    try:
        with logging_to(Path(channel.setup["log"])):
            backend.own_process()
            backend.load(channel.setup["deterministic"])
        _answer(channel)
    except KeyboardInterrupt as stopped:
        channel.send({"killed": stopped.name if isinstance(stopped, Killed) else "SIGINT"})
    return 0


def _answer(channel: Channel) -> None:
    """Answer messages: assemble the step of a run and measure it, take up a sweep, and do runs of it."""
    from exprun.config.compose import Composer, typed
    from exprun.config.errors import UserError, one_line
    from exprun.sweep.job import shared_session

    probe: Any = None
    launcher: Any = None
    for message in channel:
        try:
            if "probe" in message:
                from exprun.sweep.probe import Probe

                probe = Probe(typed(message["probe"]), shared_session())
                channel.send({"ready": True})
            elif "seconds" in message:
                rate, used = probe.rate(message["seconds"])
                channel.send({"rate": rate, "cores": used})
            elif "sweep" in message:
                probe = None
                launcher = _launcher(Composer(message["config_dir"], message["config_name"]), message)
            elif "run" in message:
                (score,) = launcher.run([message["job"]], message["run"])
                channel.send({"state": score.state, "best": None if score != score else float(score)})
        except UserError as error:
            channel.send({"error": str(error), "code": error.exit_code})
        except Exception as error:
            channel.send({"error": f"{type(error).__name__}: {one_line(error)[:300]}", "code": 1})


def _launcher(composer: Any, message: dict[str, Any]) -> Any:
    """The launcher of the runs of a sweep."""
    from hydra._internal.hydra import Hydra
    from hydra.core.global_hydra import GlobalHydra

    from exprun.sweep.launcher import Launcher

    hydra = Hydra("exprun", composer.loader)
    GlobalHydra.instance().initialize(hydra)
    return Launcher(composer.config_name, hydra, message["sweep"], Path(message["folder"]))


if __name__ == "__main__":
    sys.exit(main())
