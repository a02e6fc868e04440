"""Folders of runs with a record, predictions and images, as a training would leave them, without one."""

import json
from pathlib import Path

import numpy as np
import yaml

from exprun.config.compose import Composer
from exprun.config.schema import settings
from exprun.data import Dataset, Split
from exprun.doctor.probes import Probes
from exprun.pages.pictures import sheet
from exprun.run_folder import RunFolder
from exprun.run_page.embedding import principal
from exprun.run_page.outcomes import Outcomes
from exprun.run_page.pictures import Embedding, Pictures, pictures

HOSTILE = "<b>x</b></script>"
FINDING = {
    "cause": "dead-relu",
    "severity": "error",
    "where": f"layer {HOSTILE}",
    "evidence": "97% of its units are zero.",
    "step": 20,
    "overrides": ["norm=batch", "optim.learning_rate=0.001"],
    "why": "A unit that is zero gets no gradient.",
    "source": "Zhang et al. 2021",
}


def write_run(path: Path, status: str = "FINISHED", reason: str = "", epochs: int = 4, overrides=()) -> RunFolder:
    """A run folder with a config, a journal, a result, probes, a finding and times."""
    path.mkdir(parents=True)
    folder, config = RunFolder(path), Composer().config([*overrides, f"run_dir={path}"])
    folder.config.write_text(yaml.safe_dump(settings(config)))
    history, lines, probes = [], [], Probes()
    for step in range(10, 20 * epochs + 1, 10):
        found = {"train/batch_loss": 2 / step, "train/batch_accuracy": 0.5, "optim/learning_rate": 0.1 / step}
        lines.append({"step": step, "time": step, "metrics": found})
        probes.add(step, {"updates": {"conv1": 1e-3, "classifier": 1e-2}, "dead": {"conv1_relu": step / (30 * epochs)}})
    for epoch in range(1, epochs + 1):
        row = {
            "train/loss": 1 / epoch,
            "train/accuracy": 0.7,
            "val/loss": 1.1 / epoch,
            "val/accuracy": 0.6 + epoch / 50,
        }
        history.append({"epoch": float(epoch), "step": 20.0 * epoch} | row)
        lines.append({"step": 20 * epoch, "time": epoch, "metrics": row})
    folder.journal.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    probes.write(folder.probes)
    metrics = {
        "val/loss": 0.3,
        "val/best_loss": 0.3,
        "val/accuracy": 0.68,
        "test/accuracy": 0.7,
        "test/calibration_error": 0.1,
    }
    if status:
        folder.write_result(status, reason, metrics if status == "FINISHED" else {}, history)
    folder.findings.write_text(json.dumps([FINDING]))
    folder.write_environment({"command": f"python -m exprun data.root={HOSTILE}", "python": "3.11"})
    folder.times.write_text(json.dumps({"loading": 1.5, "steps": 20.0, "doctor": 0.5, "waiting": 2.0}))
    return folder


def images(classes: list[str], count: int, shape=(8, 8, 1), seed: int = 0, accuracy: float = 0.8):
    """A data set and the outcomes of its test images, of which a share is classified correctly."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (count, *shape), np.uint8)
    labels = np.arange(count, dtype=np.int32) % len(classes)
    rows = np.arange(count)
    part = Split(pixels, labels, rows)
    dataset = Dataset(part, part, part, classes, None, "abc", [])
    logits = rng.normal(size=(count, len(classes))).astype(np.float32)
    wrong = rng.random(count) > accuracy
    told = np.where(wrong, (labels + 1 + (rng.random(count) > 0.7)) % len(classes), labels)
    logits[rows, told] += 4
    files = [f"{HOSTILE}{number}.png" for number in range(count)]
    return dataset, Outcomes("test", classes, labels, logits, rows, files)


def all_pictures(dataset: Dataset, outcomes: Outcomes, most: int = 500) -> Pictures:
    """The pictures that need no network, and an embedding of the logits."""
    found = pictures(outcomes, dataset)
    chosen = np.arange(min(most, len(outcomes.labels)))
    points, _ = principal(outcomes.logits[chosen])
    thumbnails = sheet([dataset.train.images[one] for one in chosen], 32, small=32)
    return Pictures(outcomes, found.errors, embedding=Embedding(points, chosen, thumbnails, "the first two components"))
