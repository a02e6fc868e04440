"""Descriptions of experiments and runs in Markdown, which MLflow's UI shows at the top of their pages.

A description that a person has written stays. Nothing here imports MLflow.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from exprun.run_folder import RunFolder

NOTE = "mlflow.note.content"  # MLflow's tag with the description of a run or of an experiment
LIMIT = 8000  # characters in a description: the most that MLflow accepts in a tag
EXPERIMENT = """\
Image-classification runs of **exprun**. Each run has its settings as params, its metrics at each step, its data set \
with splits, and its plots as artifacts; a sweep is a parent run, whose description holds the comparison of its arms.

In the folder in which the runs were started:

- `python -m exprun ui` opens the charts of the last sweep,
- `python -m exprun runs` lists all runs,
- `python -m exprun compare` compares the arms of the last sweep, with intervals over seeds or folds.
"""
SPLITS = {"val/best_": "validation", "test/": "test"}  # metrics of the chosen weights, by the begin of their names


def of_run(
    status: str, reason: str, metrics: Mapping[str, float], findings: Sequence[Mapping[str, Any]], command: str
) -> str:
    """The description of a run: its status, main metrics, the doctor's findings without notes, and its command.

    Args:
        status: `FINISHED`, `FAILED` or `KILLED`.
        reason: the reason why the run ended early; empty if it did all epochs.
        metrics: the final metrics of the run.
        findings: the doctor's findings, as in `findings.json`.
        command: the command that repeats the run.
    """
    measured = [
        f"{name} accuracy {metrics[f'{prefix}accuracy']:.2%} (loss {metrics[f'{prefix}loss']:.4f})"
        for prefix, name in SPLITS.items()
        if f"{prefix}loss" in metrics and f"{prefix}accuracy" in metrics
    ]
    if measured and "val/best_epoch" in metrics:
        measured[0] += f" at epoch {metrics['val/best_epoch']:.4g}"
    parts = [*([plain(reason).rstrip(".")] if reason else []), *([", ".join(measured)] if measured else [])]
    # MLflow's UI shows only the first lines until a person asks for more.
    lines = [f"**{status.capitalize()}**{': ' if parts else ''}{'; '.join(parts)}.", ""]
    severe = [finding for finding in findings if finding.get("severity") != "note"]
    if severe:
        lines += ["#### Findings of the doctor", "", *(f"- {plain(str(one.get('text', '')))}" for one in severe), ""]
    if command:
        lines += ["#### Command", "", "```sh", command, "```"]
    return cut("\n".join(lines))


def plain(text: str) -> str:
    """Text on one line, escaped so that Markdown shows it as it is."""
    for character in ("\\", "*", "_", "`", "[", "]", "<", ">", "|", "#", "&", "~"):
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())


def cut(text: str) -> str:
    """Text that MLflow accepts as a description: lines at the end that are too many are left out."""
    if len(text) <= LIMIT:
        return text
    whole = text[: LIMIT - 2]
    return f"{whole[: whole.rfind(chr(10)) + 1] or whole}…"


def describe(client: Any, run: Any, folder: RunFolder, text: str) -> None:
    """Set the description of a run in MLflow, unless a person has written or changed it.

    Args:
        client: MLflow's client.
        run: the run, as MLflow returns it.
        folder: the run's folder, whose `tracking.json` records digests of the descriptions that were set last.
        text: the description.
    """
    present = run.data.tags.get(NOTE, "")
    if present.strip() and _digest(present) not in folder.read_tracking().get("descriptions", []):
        return
    # With the present one: the store may fail before it receives the new one.
    folder.update_tracking(descriptions=[_digest(present), _digest(text)])
    client.set_tag(run.info.run_id, NOTE, text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.strip().encode()).hexdigest()
