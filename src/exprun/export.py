"""A trained network as a file of its own: the Keras model that takes pixels, and a card that says what it is."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from exprun.assembly import trained_network
from exprun.config.compose import Composer, typed
from exprun.config.errors import ConfigError, RunError
from exprun.config.schema import GROUPS, Config, settings
from exprun.network_interface import Interface, of_pixels
from exprun.records import Run, shown
from exprun.run_folder import RunFolder
from exprun.text import listed, nouns

MODEL, CARD = "model.keras", "README.md"


def check_consent(run: Run, trust: bool) -> None:
    """Refuse a run that would execute Python code which its config names, unless a person has agreed.

    Raises:
        ConfigError: it does, and nobody has.
    """
    builder = run.config.get("model.builder")
    if builder is not None and not trust:
        raise ConfigError(f"{run.name} builds its network by Python code, {shown(builder)}: add --trust to run it.")


def repeated(run: Run, overrides: Sequence[str], folder: Path) -> Config:
    """The config of a run, read as plain values: nothing in its folder is composed or executed.

    Args:
        run: that is repeated.
        overrides: keys that are to be otherwise; options cannot be.
        folder: of the new run.

    Raises:
        ConfigError: the config cannot be read, or an override names an option or no key.
    """
    composer = Composer()
    composer.check_overrides(overrides)
    plain = settings(RunFolder(run.folder).read_config())
    for override in composer.parse(overrides):
        key = override.key_or_group
        if key in (*GROUPS, "experiment") or override.is_sweep_override():
            raise ConfigError(
                f"{override.input_line} is no value of a key, and a run is repeated from its own config: change keys, "
                "such as optim.learning_rate=0.01."
            )
        place = plain
        *groups, last = key.split(".")
        for group in groups:
            place = place.setdefault(group, {})
        place[last] = override.value()
    sweep = asdict(composer.config([]).sweep)
    plain["sweep"] = {key: value for key, value in sweep.items() if value is not None}
    plain.setdefault("trainer", {})["resume"] = False
    if not any(word.startswith("progress=") for word in overrides):
        plain["progress"] = "auto"
    return typed(plain | {"run_dir": str(folder)})


def network(run: Run) -> tuple[Any, Interface]:
    """The trained network of a run, in float32, with the weights that validation chose: pixels to logits.

    Raises:
        ConfigError: its config cannot be read, or its network was made by other code.
        RunError: it has no checkpoint, or one that does not fit.
    """
    interface = Interface.read(RunFolder(run.folder))
    folder = RunFolder(run.folder)
    weights = folder.checkpoint("best")
    if not weights.exists():
        raise RunError(f"{run.name} has no checkpoints/best.npz: it was trained without (trainer.checkpoint=false).")
    config = folder.read_config()
    if config.model.builder is not None and folder.has_other_code(config.model.builder):
        raise ConfigError(
            f"{run.name} was trained with other code of {config.model.builder}: put that code back, or train it anew."
        )
    # All weights come from the checkpoint.
    config = replace(config, model=replace(config.model, weights=None, freeze=[], fine_tune_rate=1.0))
    return of_pixels(trained_network(config, interface, weights), interface.scaling, interface.image), interface


def export(run: Run, folder: Path) -> list[Path]:
    """Write `model.keras` and its card.

    Args:
        run: that came to its end, or was stopped behind a checkpoint.
        folder: is made.

    Returns:
        The files.

    Raises:
        RunError: there is no network to write, or it cannot be written.
    """
    model, interface = network(run)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        model.save(folder / MODEL)
        (folder / CARD).write_text(card(run, interface), encoding="utf-8")
    except OSError as error:
        raise RunError(f"{folder} cannot be written: {error.strerror}.") from None
    return [folder / MODEL, folder / CARD]


def card(run: Run, interface: Interface) -> str:
    """What a model is, what it was measured on, and how it is used, as Markdown with the metadata of model hubs."""
    setting = lambda key: shown(run.config.get(key))  # noqa: E731
    height, width, channels = interface.image
    name, data = f"{setting('model.name')} on {setting('data.name')}", setting("data.name")
    lines = ["---", "library_name: keras", "pipeline_tag: image-classification", "---", "", f"# {_plain(name)}", ""]
    lines += [
        f"Tells {len(interface.classes)} classes of images of {height}×{width} pixels and {channels} "
        f"{nouns(channels, 'channel')} apart: {_plain(listed(interface.classes, most=20))}.",
        "",
        "## Use",
        "",
        "It takes pixels of 0 to 255, scales them itself, and yields one logit for each class.",
        "",
        "```python",
        "import keras",
        "",
        f'model = keras.saving.load_model("{MODEL}")',
        f"probabilities = keras.ops.softmax(model(images))  # images: (number, {height}, {width}, {channels})",
        "```",
        "",
        "## Figures",
        "",
        "| Images | Loss | Accuracy |",
        "| --- | --- | --- |",
    ]
    parts = {"validation, by which the weights were chosen": "val/best_", "test, measured once": "test/"}
    for label, prefix in parts.items():
        if f"{prefix}accuracy" in run.metrics:
            loss, accuracy = run.metrics[f"{prefix}loss"], run.metrics[f"{prefix}accuracy"]
            lines.append(f"| {label} | {loss:.4f} | {accuracy:.2%} |")
    lines += ["", f"Nothing is known about images other than those of {_plain(data)}.", ""]
    if run.status != "FINISHED":
        lines += [
            f"The run did not come to its end ({run.status}{f', {_plain(run.reason)}' if run.reason else ''}).",
            "",
        ]
    if run.config.get("fault.name", "none") != "none":
        lines += [f"The run had a bug that was put in on purpose: {setting('fault.name')}.", ""]
    lines += ["## What the doctor found", ""]
    lines += [f"- {_plain(str(found.get('text', '')))}" for found in run.findings] or ["Nothing."]
    lines += ["", "## Training", "", "| Setting | Value |", "| --- | --- |"]
    lines += [f"| {key} | {_plain(value)} |" for key, value in run.environment.items() if value and key != "run_dir"]
    wanted = ("model.", "data.", "input.", "augment.", "init.", "norm.", "optim.", "schedule.", "trainer.", "seed")
    for key, value in run.config.items():
        if value is not None and key.startswith(wanted):
            lines.append(f"| {key} | {_plain(shown(value))} |")
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Text that is no markup in a table of Markdown, nor HTML."""
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "\\|"), ("`", "'")):
        text = text.replace(character, entity)
    return " ".join(text.split())
