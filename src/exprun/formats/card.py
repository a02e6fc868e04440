"""The model card of an exported network."""

from exprun.formats import FORMATS
from exprun.formats.agreement import Agreement
from exprun.network_interface import Interface
from exprun.records import Run, network_of, shown
from exprun.text import listed, nouns

SETTINGS = ("model", "data", "input", "augment", "init", "norm", "optim", "loss", "schedule", "trainer")  # groups
SHOWN = 20  # classes in the first sentence


def card(run: Run, interface: Interface, form: str, precision: str, found: Agreement | None) -> str:
    """The model card, as Markdown with the metadata that model hubs read: purpose, use, metrics and settings.

    Args:
        run: the run.
        interface: the interface of its network.
        form: the format of the file, a key of `exprun.formats.FORMATS`.
        precision: the precision of the file, one of `exprun.formats.PRECISIONS`.
        found: the agreement of the file with the command `predict`; None if it was not compared.
    """
    setting = lambda key: shown(run.config.get(key))  # noqa: E731
    height, width, channels = interface.image
    name, data = f"{network_of(run)} on {setting('data.name')}", setting("data.name")
    kind = FORMATS[form]
    lines = ["---", f"library_name: {kind.library}", "pipeline_tag: image-classification", "---", ""]
    lines += [
        f"# {_plain(name)}",
        "",
        f"{'Finds the labels of' if interface.several else 'Classifies'} images of {height}×{width} pixels and "
        f"{channels} {nouns(channels, 'channel')}{', among' if interface.several else ' into'} "
        f"{len(interface.classes)} classes: {_plain(listed(interface.classes, most=SHOWN))}."
        + (" An image may have several labels, or none." if interface.several else ""),
        "",
        "## Use",
        "",
        f"`{kind.file}` takes pixels of 0 to 255 as uint8, and scales them itself. It returns "
        f"{'the logit' if form == 'keras' else 'the probability'} of each class"
        f"{', computed in ' + precision if precision != 'float32' else ''}.",
        "",
        "```python",
        "import numpy as np",
        *kind.use[:1],
        "",
        f"images = np.zeros((1, {height}, {width}, {channels}), np.uint8)  # your images",
        *(line.replace("softmax", "sigmoid") if interface.several else line for line in kind.use[1:]),
        "```",
        "",
        str(found) if found else "The file was not compared with the run, whose images are missing.",
        "",
    ]
    if len(interface.classes) > SHOWN:
        lines += ["The classes, in the order of the output:", ""]
        lines += [f"{number}. {_plain(one)}" for number, one in enumerate(interface.classes)] + [""]
    lines += ["## Metrics", "", "| Images | Loss | Accuracy |", "| --- | --- | --- |"]
    prefixes = {"validation, on which the weights were chosen": "val/best_", "test, measured once": "test/"}
    for label, prefix in prefixes.items():
        if f"{prefix}accuracy" in run.metrics:
            loss, accuracy = run.metrics[f"{prefix}loss"], run.metrics[f"{prefix}accuracy"]
            lines.append(f"| {label} | {loss:.4f} | {accuracy:.2%} |")
    lines += ["", f"The model was not measured on images other than those of {_plain(data)}.", ""]
    if run.status != "FINISHED":
        lines += [
            f"The run did not finish ({run.status}{f', {_plain(run.reason)}' if run.reason else ''}).",
            "",
        ]
    if run.config.get("fault.name", "none") != "none":
        lines += [f"The run had a fault, injected on purpose: {setting('fault.name')}.", ""]
    lines += ["## Findings of the doctor", ""]
    lines += [f"- {_plain(str(finding.get('text', '')))}" for finding in run.findings] or ["None."]
    lines += ["", "## Training", "", "| Setting | Value |", "| --- | --- |"]
    lines += [f"| {key} | {_plain(value)} |" for key, value in run.environment.items() if value and key != "run_dir"]
    for key, value in run.config.items():
        if value is not None and (key == "seed" or key.split(".")[0] in SETTINGS):
            lines.append(f"| {key} | {_plain(shown(value))} |")
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Text, escaped so that it is neither Markdown nor HTML in a table."""
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "\\|"), ("`", "'")):
        text = text.replace(character, entity)
    return " ".join(text.split())
