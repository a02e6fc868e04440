"""One attempt at a run, for the command line: an error is printed as one sentence and becomes a state."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from exprun.config.errors import UserError, one_line, say
from exprun.metrics import best_name

if TYPE_CHECKING:
    from exprun.config.schema import Config
    from exprun.session import Session

State = Literal["trained", "kept", "taken", "failed"]


@dataclass(frozen=True)
class Attempt:
    """The outcome of an attempt.

    Args:
        state: `trained`; `kept` if the run was complete before; `taken` if another process trains it; or `failed`.
        best: the best value of the metric that `trainer.select` names; NaN without one.
    """

    state: State
    best: float = float("nan")

    @property
    def finished(self) -> bool:
        """Whether the run is complete, or another process trains it."""
        return self.state != "failed"


def attempt(config: "Config", command: str, session: "Session | None" = None, label: str = "") -> Attempt:
    """Train a run; an error is printed as one sentence.

    Args:
        config: the config of the run.
        command: the command that repeats the run.
        session: the session that the run shares with other runs of this process; None creates a new one.
        label: the name of a sweep's run in messages; empty for a single run.
    """
    from exprun.preflight import COMPLETE
    from exprun.run_folder import RunFolder, RunLockedError
    from exprun.runner import run

    start = f"{label} failed: " if label else ""
    try:
        result = run(config, session, command)
    except RunLockedError as error:
        if not label:
            return failed(str(error))
        if config.progress != "quiet":
            print(f"{label}: skipped, another process is running it.")
        return Attempt("taken")
    except UserError as error:
        return failed(f"{start}{error}")
    except Exception as error:
        text, log = f"{type(error).__name__}: {one_line(error)[:200]}", RunFolder.of(config).log
        return failed(f"{start}{text}{f' (the full error is in {log})' if log.exists() else ''}")
    if result.reason == COMPLETE and config.progress != "quiet":
        print(
            "  kept: the run is complete already"
            if label
            else f"exprun: the run in {result.run_dir} is complete already."
        )
    if result.status != "FINISHED":
        return failed(f"{start}{result.reason}")
    best = result.metrics.get(best_name(config.trainer.select), float("nan"))
    return Attempt("kept" if result.reason == COMPLETE else "trained", best)


def failed(sentence: str) -> Attempt:
    """Print why a run failed; returns the failed attempt."""
    say(sentence)
    return Attempt("failed")
