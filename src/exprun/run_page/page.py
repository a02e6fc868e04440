"""Write the page of a run: one HTML file with all of its plots and images, which loads nothing from other servers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from exprun.config.errors import ConfigError
from exprun.config.run_name import run_name
from exprun.pages.rendering import CHARTS, FOLDER, GALLERY, PALETTE, render
from exprun.records import Run, read_run
from exprun.run_folder import RunFolder
from exprun.run_page import record
from exprun.run_page.outcomes import Outcomes
from exprun.run_page.pictures import Pictures
from exprun.times import read_times

HERE = Path(__file__).parent
SCRIPTS = (*CHARTS, FOLDER / "heatmap.js", GALLERY, HERE / "curves.js", HERE / "outcomes.js", HERE / "run.js")
MOST_CLASSES = 100  # classes up to which the page has the whole confusion matrix
MOST_CONFUSIONS = 500  # pairs of classes in the table, and cells of which larger matrices are made


def write_page(folder: RunFolder, pictures: Pictures, path: Path | None = None) -> Path:
    """Write the page of a run from the record in its folder.

    Args:
        folder: the run's folder.
        pictures: the pictures of the run.
        path: the path of the page; None for `page.html` in the folder.

    Returns:
        The path of the page.

    Raises:
        OSError: the page cannot be written.
    """
    path = path or folder.page
    path.write_text(page(folder, pictures), encoding="utf-8", errors="replace")  # names of files may not be Unicode
    return path


def page(folder: RunFolder, pictures: Pictures) -> str:
    """The text of the page of a run.

    Args:
        folder: the run's folder.
        pictures: the pictures of the run.
    """
    run = read_run(folder.path)
    assert run is not None
    run = run if run.history else replace(run, history=record.epochs(folder))
    outcomes, level = pictures.outcomes, record.chance(folder, run)
    best, probes, times = record.best_epoch(run), record.probes(folder), read_times(folder.times)
    curves = record.curves(folder)
    data = {
        "palette": PALETTE,
        "curves": curves,
        "chance": None if level is None else {"loss": level.loss, "accuracy": level.accuracy},
        "best": best and best.get("step"),
        "probes": probes,
        "outcomes": _outcomes(pictures),
        "embedding": _embedding(pictures),
    }
    return render(
        HERE / "run.html",
        data,
        SCRIPTS,
        run=run,
        title=_name(folder, run),
        verdict=record.verdict(run, outcomes, level),
        findings=record.findings(run),
        command_line=run.environment.get("command", ""),
        has_curves=any(curves.values()),
        has_probes=bool(probes["kinds"]),
        missing=_missing(pictures),
        pictures=pictures,
        outcomes=outcomes,
        metrics=record.metric_rows(run),
        classes=record.class_rows(outcomes) if outcomes is not None else [],
        confusions=_confusions(outcomes),
        calibration_error=run.metrics.get(_key(outcomes, "calibration_error")),
        overconfidence=record.overconfidence(outcomes),
        temperature=run.metrics.get("val/best_temperature"),
        times=record.time_rows(times),
        waiting=times.get("waiting", 0.0),
        first_step=times.get("first_step", 0),
        changed=record.changed_settings(run),
        settings=record.all_settings(run),
        environment=record.environment_rows(run),
    )


def _name(folder: RunFolder, run: Run) -> str:
    try:
        return run_name(folder.read_config())
    except ConfigError:  # the settings of another version
        return run.name


def _missing(pictures: Pictures) -> list[str]:
    """Sentences on what is missing, and why."""
    if pictures.outcomes is not None:
        return [*pictures.missing]
    end = "Errors and confusions are not shown: predictions are measured at the end of a run, and this run has none."
    return [*pictures.missing, end]


def _key(outcomes: Outcomes | None, metric: str) -> str:
    return f"test/{metric}" if outcomes is not None and outcomes.split == "test" else f"val/best_{metric}"


def _confusions(outcomes: Outcomes | None) -> list[tuple[str, str, int, float]]:
    """The most frequent confusions: true class, predicted class, images, and their share of the true class."""
    if outcomes is None:
        return []
    images = outcomes.cells
    of_class: dict[int, int] = {}
    for true, _, count in images.tolist():
        of_class[true] = of_class.get(true, 0) + count
    classes = outcomes.classes
    return [
        (classes[true], classes[predicted], count, count / of_class[true])
        for true, predicted, count in outcomes.confusions[:MOST_CONFUSIONS].tolist()
    ]


def _outcomes(pictures: Pictures) -> dict[str, Any] | None:
    """The cells of the confusion matrix, the bins of calibration, and the errors, for the scripts."""
    outcomes = pictures.outcomes
    if outcomes is None:
        return None
    cells = outcomes.cells if len(outcomes.classes) <= MOST_CLASSES else _most_confused(outcomes)
    shown = sorted({*cells[:, 0].tolist(), *cells[:, 1].tolist()}) if len(outcomes.classes) > MOST_CLASSES else None
    errors: list[int] = pictures.errors.images.tolist() if pictures.errors is not None else []
    return {
        "classes": list(outcomes.classes),
        "shown": shown,  # the classes of the confusion matrix; null for all
        "cells": cells.tolist(),
        "calibration": outcomes.calibration() if outcomes.is_finite else [],
        "errors": [
            [
                *((-1, -1) if outcomes.has_several else (int(outcomes.labels[one]), int(outcomes.predictions[one]))),
                float(f"{outcomes.losses[one]:.5g}"),
                float(f"{outcomes.confidence[one]:.5g}"),
            ]
            for one in errors
        ],
    }


def _most_confused(outcomes: Outcomes) -> Any:
    """The cells of the classes in the most frequent confusions, up to about a third of `MOST_CLASSES` classes."""
    chosen: set[int] = set()
    for true, predicted, _ in outcomes.confusions.tolist():
        if len(chosen | {true, predicted}) > MOST_CLASSES // 3:
            break
        chosen |= {true, predicted}
    if not chosen:
        chosen = set(range(MOST_CLASSES // 3))
    is_in = [true in chosen and predicted in chosen for true, predicted, _ in outcomes.cells.tolist()]
    return outcomes.cells[is_in]


def _embedding(pictures: Pictures) -> dict[str, Any] | None:
    """The points of the embedding, for the scripts."""
    found, outcomes = pictures.embedding, pictures.outcomes
    if found is None or outcomes is None:
        return None
    sheet, names = found.thumbnails, None
    labels, predictions = outcomes.labels[found.images], outcomes.predictions[found.images]
    if outcomes.has_several:  # each set of labels is a group of points
        sets, numbers = np.unique(np.concatenate([labels, predictions]).astype(np.int8), axis=0, return_inverse=True)
        names, (labels, predictions) = [outcomes.named(one) for one in sets], np.split(numbers.reshape(-1), 2)
    return {
        "method": found.method,
        "names": names,  # of the groups; null for the classes
        "points": [[float(f"{x:.4g}"), float(f"{y:.4g}")] for x, y in found.points.tolist()],
        "labels": labels.tolist(),
        "predictions": predictions.tolist(),
        "confidence": [round(float(share), 4) for share in outcomes.confidence[found.images]],
        "sheet": {"uri": sheet.uri, "cell": sheet.cell, "columns": sheet.columns, "rows": sheet.rows},
    }
