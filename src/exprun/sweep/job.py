"""One run of Hydra's: of a command line, or of a sweep, which may keep it, try it again, or leave it to another."""

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exprun.config.errors import UserError, one_line, say
from exprun.sweep.folder import Stopped, announced, goes_on, set_aside, whats_new

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from exprun.config.schema import Config


class Score(float):
    """The figure that a sweeper optimises, and what became of the run: trained, kept, taken or failed."""

    state = "trained"

    @property
    def finished(self) -> bool:
        """Whether it came to its end, here or elsewhere."""
        return self.state != "failed"


def _score(value: float, state: str) -> Score:
    score = Score(value)
    score.state = state
    return score


def job(config: "DictConfig") -> Score:
    """One run of Hydra's; returns the figure that `trainer.select` names."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf, open_dict

    from exprun.config.compose import typed
    from exprun.tracking.store import without_password

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
        return _attempt(typed_config, shlex.join(words), "")
    label = f"run {hydra.job.num} ({shown})"
    return _of_sweep(typed_config, shlex.join(words), label, f"{hydra.job.num} {shown}", overrides)


def _of_sweep(config: "Config", command: str, label: str, name: str, overrides: list[str]) -> Score:
    """A run of a sweep, as often as it may be tried."""
    known = announced()
    if known is not None and known.quiet:
        config.progress = "quiet"
    if config.progress != "quiet":
        print(f"{label}:", flush=True)
    if config.tracking.run_name is None:
        config.tracking.run_name = name[:200]
    if known is not None and config.tracking.name == "mlflow":
        config.tracking.tags = {**(config.tracking.tags or {}), **known.tags(overrides)}
        if config.sweep.name == "tuned":
            config.tracking.tags["exprun.stage"] = "tuning" if config.seed == config.sweep.tuning_seed else "compared"
    folder = Path(config.run_dir)
    # Which rate is compared depends on other runs of `tuned`, so that a run of another config is no mistake there.
    anew = config.sweep.rerun == "changed" or config.sweep.name == "tuned"
    if anew and (new := whats_new(config, folder, _session())) and set_aside(folder):
        print(f"  anew, for {new}", flush=True)
    if not goes_on(config, folder):
        return _failed(f"{label} failed before, and sweep.rerun=never")
    score = _attempt(config, command, label)
    for attempt in range(config.sweep.retries):
        if score.finished:
            break
        print(f"{label}, try {attempt + 2}:", flush=True)
        config.trainer.resume = True
        score = _attempt(config, command, label)
    if not score.finished and config.sweep.on_failure == "stop":
        raise Stopped
    return score


def _failed(sentence: str) -> Score:
    say(sentence)
    return _score(float("nan"), "failed")


def _attempt(config: "Config", command: str, label: str) -> Score:
    """One try of a run; `label` names it in a sweep."""
    from exprun.run_folder import COMPLETE, TakenError
    from exprun.runner import run

    start = f"{label} failed: " if label else ""
    try:
        result = run(config, _session(), command)
    except TakenError as error:
        if not label:
            return _failed(str(error))
        print(f"{label}: another process is at it.")
        return _score(float("nan"), "taken")
    except UserError as error:
        return _failed(f"{start}{error}")
    except Exception as error:
        known = f"{type(error).__name__}: {one_line(error)[:200]}"
        return _failed(f"{start}{known} (the whole of it is in {config.run_dir}/run.log)")
    if result.reason == COMPLETE and config.progress != "quiet":
        print("  kept from before" if label else f"exprun: the run in {result.run_dir} is complete already.")
    if result.status != "FINISHED":
        return _failed(f"{start}{result.reason}")
    best = "val/best_accuracy" if config.trainer.select == "val/accuracy" else "val/best_loss"
    return _score(result.metrics.get(best, float("nan")), "kept" if result.reason == COMPLETE else "trained")


_SESSIONS: list[Any] = []


def _session() -> Any:
    """What the runs of this process share."""
    from exprun.runner import Session

    if not _SESSIONS:
        _SESSIONS.append(Session())
    return _SESSIONS[0]
