"""One run of Hydra's: of a command line, or of a sweep, which may keep it, try it again, or leave it to another."""

import contextlib
import json
import math
import os
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exprun.config.errors import RunError, UserError, one_line, say
from exprun.config.paths import user_path
from exprun.outputs import POINTER, point
from exprun.sweep.folder import STOPPED, announced, goes_on, replaced

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from exprun.config.schema import Config


WAIT_SECONDS = 1.0  # between two looks at what another process is at
DIVERGED = "not finite"  # how the reason of a run begins whose numbers have left the range


class Score(float):
    """The figure that a sweeper optimises, and what became of the run: trained, kept, taken or failed."""

    state = "trained"

    @property
    def finished(self) -> bool:
        """Whether it came to its end, here or elsewhere."""
        return self.state not in ("failed", "stopped")


def _score(value: float, state: str) -> Score:
    score = Score(value)
    score.state = state
    return score


def job(config: "DictConfig") -> Score:
    """One run of Hydra's; returns the figure that `trainer.select` names."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf, open_dict

    from exprun.config.compose import typed
    from exprun.config.errors import without_password

    known = announced()
    if known is not None and known.cwd and Path(known.cwd).is_dir():
        os.chdir(known.cwd)  # a worker of a cluster stands where the cluster was started
    hydra = HydraConfig.get()
    overrides = [str(text).lstrip("+") for text in hydra.overrides.task]
    sweeping = hydra.mode.name == "MULTIRUN"
    if sweeping and not any(o.startswith("run_dir=") for o in overrides):
        with open_dict(config):
            config.run_dir = hydra.runtime.output_dir
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)
    plain.pop("hydra", None)
    typed_config = typed({str(key): value for key, value in plain.items()}, {o.split("=")[0] for o in overrides})
    shown = without_password(" ".join(overrides))
    words = ["python", "-m", "exprun", *shlex.split(os.environ.get("EXPRUN_OPTIONS", "")), *overrides]
    if not sweeping:
        return attempt(typed_config, shlex.join(words), "")
    label = f"run {hydra.job.num} ({shown})"
    return _of_sweep(typed_config, shlex.join(words), label, str(hydra.job.num), overrides)


def _of_sweep(config: "Config", command: str, label: str, number: str, overrides: list[str]) -> Score:
    """A run of a sweep, as often as it may be tried."""
    from exprun.config.errors import without_password

    known = announced()
    if known is not None and known.quiet:
        config.progress = "quiet"
    if config.progress != "quiet":
        print(f"{label}:", flush=True)
    if config.tracking.run_name is None:
        # What all runs have in common would hide, in a narrow column, that in which they differ.
        vary = [o for o in overrides if known is None or o.split("=")[0] in (*known.factors, "seed")]
        config.tracking.run_name = without_password(" ".join([number, *vary]))[:200]
    if known is not None and config.tracking.name == "mlflow":
        config.tracking.tags = {**(config.tracking.tags or {}), **known.tags(overrides)}
        if config.sweep.name == "tuned":
            config.tracking.tags["exprun.stage"] = "tuning" if config.seed == config.sweep.tuning_seed else "compared"
    folder = user_path(config.run_dir).absolute()
    sweep = Path(known.folder) if known is not None and known.folder else folder.parent
    if (sweep / STOPPED).exists():
        return _score(float("nan"), "stopped")
    pointer = sweep / f"{number}{POINTER}"
    with contextlib.suppress(OSError):  # a worker of another machine may have no such folder
        if folder.resolve() != (sweep / number).resolve():
            point(pointer, folder)
        else:
            pointer.unlink(missing_ok=True)
    score = _tried(config, command, label, folder)
    if not score.finished and config.sweep.on_failure == "stop":
        (sweep / STOPPED).touch()
    if known is not None and known.search:
        while score.state == "taken":  # what is proposed next depends on it
            time.sleep(WAIT_SECONDS)
            score = _tried(config, command, label, folder)
        if math.isnan(score):
            raise RunError(f"{label} failed.")  # a figure that is NaN would end the search
    return score


def _tried(config: "Config", command: str, label: str, folder: Path) -> Score:
    """A run of a sweep, kept, left, or tried as often as it may be."""
    shown = config.progress != "quiet"
    try:
        # Which runs there are depends, of `tuned` and a search, on other runs: there, another config is no mistake.
        known = announced()
        searched = config.sweep.name == "tuned" or (known is not None and known.search)
        if config.sweep.rerun == "changed" or searched:
            new = replaced(config, folder, session())
            if new and shown:
                print(f"  anew, for {new}", flush=True)
    except UserError as error:
        return _failed(f"{label} failed: {error}")
    if _diverged(config, folder):
        return _score(float("nan"), "kept")
    if not goes_on(config, folder):
        return _failed(f"{label} failed before, and sweep.rerun=never")
    score = attempt(config, command, label)
    for number in range(config.sweep.retries):
        if score.finished or _diverged(config, folder):
            break
        if shown:
            print(f"{label}, try {number + 2}:", flush=True)
        config.trainer.resume = True
        score = attempt(config, command, label)
    return _score(float("nan"), "trained") if _diverged(config, folder) else score


def _diverged(config: "Config", folder: Path) -> bool:
    """Whether a rate was tried that is too high: that is an answer, and no failure of the sweep."""
    if config.sweep.name != "tuned" or config.seed != config.sweep.tuning_seed:
        return False
    try:
        found = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        return bool(found["status"] == "FAILED" and str(found["reason"]).startswith(DIVERGED))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _failed(sentence: str) -> Score:
    say(sentence)
    return _score(float("nan"), "failed")


def attempt(config: "Config", command: str, label: str) -> Score:
    """One try of a run; `label` names it in a sweep."""
    from exprun.run_folder import COMPLETE, TakenError, run_folder
    from exprun.runner import run

    start = f"{label} failed: " if label else ""
    try:
        result = run(config, session(), command)
    except TakenError as error:
        if not label:
            return _failed(str(error))
        if config.progress != "quiet":
            print(f"{label}: another process is at it.")
        return _score(float("nan"), "taken")
    except UserError as error:
        return _failed(f"{start}{error}")
    except Exception as error:
        known, log = f"{type(error).__name__}: {one_line(error)[:200]}", run_folder(config) / "run.log"
        return _failed(f"{start}{known}{f' (the whole of it is in {log})' if log.exists() else ''}")
    if result.reason == COMPLETE and config.progress != "quiet":
        print("  kept from before" if label else f"exprun: the run in {result.run_dir} is complete already.")
    if result.status != "FINISHED":
        return _failed(f"{start}{result.reason}")
    best = "val/best_accuracy" if config.trainer.select == "val/accuracy" else "val/best_loss"
    return _score(result.metrics.get(best, float("nan")), "kept" if result.reason == COMPLETE else "trained")


_SESSIONS: list[Any] = []


def session() -> Any:
    """What the runs of this process share."""
    from exprun.runner import Session

    if not _SESSIONS:
        _SESSIONS.append(Session())
    else:  # there is another run behind the first one
        _SESSIONS[0].settle()
    return _SESSIONS[0]
