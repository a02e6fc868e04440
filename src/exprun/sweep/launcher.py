"""Hydra's launcher, as sweeps and their workers use it."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from exprun.config.errors import ConfigError, RunError, UserError, one_line, without_password
from exprun.config.overrides import with_forced_keys
from exprun.sweep.job import Score, job
from exprun.sweep.plan import Job


class Launcher:
    """Hydra's launcher, which runs lists of jobs; as a context manager, it calls Hydra's callbacks of a multirun.

    Args:
        config_name: the name of the root config.
        hydra: Hydra, with its launchers and sweepers.
        given: the overrides of the whole sweep, with those of Hydra's own settings.
        folder: the folder of the sweep.
    """

    def __init__(self, config_name: str, hydra: Any, given: list[str], folder: Path) -> None:
        from hydra._internal.callbacks import Callbacks
        from hydra.core.plugins import Plugins
        from hydra.types import HydraContext

        self.name, self.folder = config_name, folder
        self.config = composed(hydra, config_name, given)
        self.callbacks = Callbacks(self.config)
        context = HydraContext(config_loader=hydra.config_loader, callbacks=self.callbacks)
        make = Plugins.instance().instantiate_launcher
        self.launcher = guarded(lambda: make(hydra_context=context, task_function=job, config=self.config))

    def __enter__(self) -> "Launcher":
        from omegaconf import OmegaConf

        text = OmegaConf.to_yaml(self.config)
        (self.folder / "multirun.yaml").write_text(without_password(text), encoding="utf-8")
        self.callbacks.on_multirun_start(config=self.config, config_name=self.name)
        return self

    def __exit__(self, *_: object) -> None:
        self.callbacks.on_multirun_end(config=self.config, config_name=self.name)

    def run(self, jobs: Sequence[Job], first: int) -> list[Score]:
        """Run jobs, in folders that are numbered from `first`; returns their scores."""
        words = [with_forced_keys(overrides) for overrides in jobs]
        return list(scores(guarded(lambda: self.launcher.launch(words, initial_job_idx=first))))


def composed(hydra: Any, config_name: str, overrides: list[str]) -> Any:
    """The composed config of a multirun, with its node `hydra`."""
    from hydra.types import RunMode

    return hydra.compose_config(
        config_name, with_forced_keys(overrides), RunMode.MULTIRUN, with_log_configuration=False
    )


def guarded(start: Callable[[], Any]) -> Any:
    """Call a function of Hydra, and turn errors of Hydra and its plug-ins into user errors; returns the result."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        return start()
    except UserError:
        raise
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(one_line(error)[:500]) from None
    except Exception as error:  # a launcher's workers and clusters can fail in any way
        if isinstance(error, OSError) and error.filename:
            raise RunError(f"{error.filename} cannot be written: {error.strerror}.") from None
        text = one_line(error)[:300]
        raise RunError(
            f"the launcher or sweeper failed: {type(error).__name__}{f': {text}' if text else ''}."
        ) from None


def scores(returned: Any) -> Iterator[Score]:
    """The scores that the jobs returned, from Hydra's nested lists; none if the sweeper does not return them."""
    if isinstance(returned, list | tuple):
        for inner in returned:
            yield from scores(inner)
    elif returned is not None and isinstance(value := returned.return_value, Score):
        yield value
