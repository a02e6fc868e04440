"""The trained network of a run, and the configs for repeating the run and for training it further."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from exprun.assembly import network_in
from exprun.config.compose import Composer, typed
from exprun.config.errors import ConfigError
from exprun.config.overrides import quoted
from exprun.config.run_name import run_name
from exprun.config.schema import GROUPS, Config, settings
from exprun.network_interface import Interface, of_pixels
from exprun.records import Run, shown
from exprun.run_folder import RunFolder

CONTINUED = " continued"  # ends the name of a continued run in messages and in MLflow
# Keys that a continued run may change in groups that it keeps: other keys of `model` change the network, and other keys
# of `data` can bring images into validation that the run was trained on.
FREE_IN_KEPT = (
    "model.weights",
    "model.teacher",
    "model.freeze",
    "model.fine_tune_rate",
    "model.layer_decay",
    "data.root",
    "data.cache",
    "data.class_weights",
)


def check_consent(run: Run, trust: bool) -> None:
    """Refuse to execute the Python code that a run's config names, unless the person has agreed.

    Args:
        run: the run whose network is to be built.
        trust: whether the person has agreed (`--trust`).

    Raises:
        ConfigError: the run's config names Python code, and the person has not agreed to run it.
    """
    builder = run.config.get("model.builder")
    if builder is not None and not trust:
        raise ConfigError(f"{run.name} builds its network with Python code, {shown(builder)}: add --trust to run it.")


def repeated(run: Run, overrides: Sequence[str], folder: Path, how: str = "repeated") -> Config:
    """The config for repeating a run, read as plain values: nothing in the run's folder is composed or executed.

    Args:
        run: the run to repeat.
        overrides: changes of keys; options of groups cannot be changed.
        folder: the folder of the new run.
        how: what is done with the run, for messages.

    Raises:
        ConfigError: the config cannot be read, or an override chooses an option or does not name a key.
    """
    composer = Composer()
    composer.check_overrides(overrides)
    plain = settings(RunFolder(run.folder).read_config())
    for override in composer.parse(overrides):
        key = override.key_or_group
        if key in (*GROUPS, "experiment") or override.is_sweep_override():
            raise ConfigError(
                f"{override.input_line} does not give a key one value, but a run is {how} from its own config: "
                "change single keys, such as optim.learning_rate=0.01."
            )
        inner = plain
        *groups, last = key.split(".")
        for group in groups:
            inner = inner.setdefault(group, {})
        inner[last] = override.value()
    sweep = asdict(composer.config([]).sweep)
    plain["sweep"] = {key: value for key, value in sweep.items() if value is not None}
    plain.setdefault("trainer", {})["resume"] = False
    if not any(word.startswith("progress=") for word in overrides):
        plain["progress"] = "auto"
    return typed(plain | {"run_dir": str(folder)})


def continued(run: Run, overrides: Sequence[str], folder: Path) -> Config:
    """The config for training a run further: its own config, with its weights as the initial ones.

    Args:
        run: the run to continue.
        overrides: changes of keys; `model.weights` may name another checkpoint of the run.
        folder: the folder of the new run.

    Raises:
        ConfigError: the run has no weights, its config cannot be read, or an override changes the network or its
            images.
    """
    keys = {override.partition("=")[0].lstrip("+") for override in overrides}
    if changed := next(
        (key for key in sorted(keys) if key.startswith(("model.", "data.")) and key not in FREE_IN_KEPT), ""
    ):
        raise ConfigError(
            f"{changed} cannot be changed: runs continue trains the network of {run.name} further, on the same images; "
            f"to start another network or other images from its weights, train with model.weights={run.name}."
        )
    weights = [] if "model.weights" in keys else [f"model.weights={quoted(run.name)}"]
    if weights and not RunFolder(run.folder).checkpoint("best").exists():
        raise ConfigError(
            f"{run.name} has no checkpoints/best.npz to continue from: it ended before its first evaluation, or had "
            "trainer.checkpoint=false."
        )
    rate = run.config.get("model.fine_tune_rate", 1.0)
    if rate != 1.0 and "model.fine_tune_rate" not in keys:
        # It applied to the layers whose weights were loaded, and now all of them are.
        raise ConfigError(
            f"{run.name} had model.fine_tune_rate={rate:g} for some layers, which would now apply to all: add "
            f"model.fine_tune_rate=1 or model.fine_tune_rate={rate:g}."
        )
    config = repeated(run, [*weights, *overrides], folder, "continued")
    if "tracking.run_name" in keys:
        return config
    name = f"{run_name(config).removesuffix(CONTINUED)}{CONTINUED}"
    return replace(config, tracking=replace(config.tracking, run_name=name))


def network(run: Run) -> tuple[Any, Interface]:
    """The trained network of a run, in float32, with the weights that were best on the validation images.

    Args:
        run: the run.

    Returns:
        The Keras model, from pixels (images, height, width, channels) of 0 to 255 to logits (images, classes), and the
        interface of the network.

    Raises:
        ConfigError: the config of the run cannot be read, or the code of its network has changed.
        RunError: the run has no checkpoint, or its checkpoint does not fit.
    """
    model, interface = network_of_scaled(run)
    return of_pixels(model, interface.scaling, interface.image), interface


def network_of_scaled(run: Run) -> tuple[Any, Interface]:
    """The same network as `network` returns, from scaled pixels, with its own layers.

    Raises:
        ConfigError: the config of the run cannot be read, or the code of its network has changed.
        RunError: the run has no checkpoint, or its checkpoint does not fit.
    """
    return network_in(RunFolder(run.folder), run.name)
