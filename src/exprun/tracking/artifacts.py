"""Plots of a finished run: curves, confusion matrix, misclassified images."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure  # not pyplot: no window system, no state that runs share

from exprun.data import Dataset, Split
from exprun.run_folder import RunFolder

DPI = 110
WRONG_SHOWN = 25
NAMES_SHOWN = 30  # classes of a confusion matrix that are drawn
WHOLE = 200  # classes whose whole confusion matrix is written
CURVES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("train/batch_", "training, means of some steps", {"color": "tab:blue", "alpha": 0.4}),
    ("train/", "training, means of epochs", {"color": "tab:blue", "marker": "o"}),
    ("val/", "validation", {"color": "tab:orange", "marker": "o"}),
)


def write_plots(folder: RunFolder, dataset: Dataset, predictions: np.ndarray | None) -> None:
    """Draw the curves and, if the test set was measured, the confusion matrix and misclassified images.

    Args:
        folder: the run's folder.
        dataset: the data set of the run.
        predictions: the classes predicted for its test images, (images,); None if these were not measured.
    """
    write_curves(folder)
    if dataset.test is not None and predictions is not None:
        write_confusion(folder.path, dataset.classes, dataset.test.row_labels, predictions)
        write_misclassified(folder.path, dataset.classes, dataset.test, predictions)


def write_curves(folder: RunFolder) -> None:
    """Draw loss and accuracy of training and validation from the journal into `curves.png`."""
    figures: dict[str, list[tuple[int, float]]] = {}
    for row in folder.read_journal():
        for key, value in row["metrics"].items():
            figures.setdefault(key, []).append((row["step"], value))
    figure = Figure(figsize=(10, 4), dpi=DPI)
    figure.subplots_adjust(left=0.07, right=0.98, bottom=0.13, top=0.95, wspace=0.2)
    axes = figure.subplots(1, 2)
    for axis, name in zip(axes, ("loss", "accuracy"), strict=True):
        for prefix, label, style in CURVES:
            points = sorted(figures.get(f"{prefix}{name}", []))
            if points:
                style = style if len(points) > 1 else style | {"marker": "o"}
                axis.plot(*zip(*points, strict=True), label=label, markersize=3, **style)
        axis.set(xlabel="step", ylabel=name)
        axis.grid(alpha=0.3)
    if axes[0].has_data():
        axes[0].legend()
    FigureCanvasAgg(figure).print_png(folder.path / "curves.png")


def write_confusion(folder: Path, classes: list[str], labels: np.ndarray, predictions: np.ndarray) -> None:
    """Write how often each class was taken for which: `confusion.json` and `confusion.png`.

    Of up to `WHOLE` classes the file has the whole matrix, of more only the cells that are not 0.

    Args:
        folder: of the run.
        classes: names.
        labels: true classes, (images,).
        predictions: predicted classes, (images,).
    """
    count = len(classes)
    cells, images = np.unique(labels.astype(np.int64) * count + predictions, return_counts=True)
    true, predicted = cells // count, cells % count
    note: dict[str, Any] = {"classes": classes, "rows": "true class", "columns": "predicted class"}
    if count <= WHOLE:
        matrix = np.zeros((count, count), int)
        matrix[true, predicted] = images
        note |= {"matrix": matrix.tolist()}
    else:
        note |= {"cells": np.stack((true, predicted, images), axis=1).tolist()}
    (folder / "confusion.json").write_text(json.dumps(note), encoding="utf-8")
    _draw_confusion(folder / "confusion.png", classes, true, predicted, images)


def _draw_confusion(
    file: Path, classes: list[str], true: np.ndarray, predicted: np.ndarray, images: np.ndarray
) -> None:
    """Draw the matrix; where there are more than `NAMES_SHOWN` classes, that of those most often confused.

    Args:
        file: to write.
        classes: names.
        true: class numbers of the cells that are not 0, (cells,).
        predicted: likewise.
        images: in each of these cells.
    """
    shown = np.array(_most_confused(len(classes), true, predicted, images))
    place = np.full(len(classes), -1)
    place[shown] = np.arange(len(shown))
    inside = (place[true] >= 0) & (place[predicted] >= 0)
    matrix = np.zeros((len(shown), len(shown)), int)
    matrix[place[true[inside]], place[predicted[inside]]] = images[inside]
    of_class = np.bincount(true, images, len(classes))[shown]
    share = matrix / np.maximum(of_class, 1)[:, None]
    size = min(4 + 0.35 * len(shown), 14)
    figure = Figure(figsize=(size, size), dpi=DPI, layout="constrained")  # the names of classes may be long
    axis = figure.subplots()
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    names = _plain([classes[number] for number in shown])
    axis.set_xticks(range(len(shown)), names, rotation=90)
    axis.set_yticks(range(len(shown)), names)
    for y, x in np.argwhere(matrix > 0):
        colour = "white" if share[y, x] > 0.5 else "black"
        axis.text(x, y, str(matrix[y, x]), ha="center", va="center", fontsize=8, color=colour, in_layout=False)
    axis.set(xlabel="predicted", ylabel="true")
    if len(shown) < len(classes):
        wrong = true != predicted
        axis.set_title(
            f"the {len(shown)} of {len(classes):,} classes most often confused, with "
            f"{images[wrong & inside].sum():,} of {images[wrong].sum():,} wrong answers"
        )
    FigureCanvasAgg(figure).print_png(file)


def _most_confused(count: int, true: np.ndarray, predicted: np.ndarray, images: np.ndarray) -> list[int]:
    """Up to `NAMES_SHOWN` classes: all of them in order, or those of the pairs that were confused most often."""
    if count <= NAMES_SHOWN:
        return list(range(count))
    wrong = np.flatnonzero(true != predicted)
    often = wrong[np.argsort(-images[wrong], kind="stable")]
    pairs = np.stack((true[often], predicted[often]), axis=1).ravel()
    _, first = np.unique(pairs, return_index=True)
    confused = pairs[np.sort(first)][:NAMES_SHOWN].tolist()
    return confused or list(range(NAMES_SHOWN))


def write_misclassified(folder: Path, classes: list[str], split: Split, predictions: np.ndarray) -> None:
    """Show images that were classified wrong, with both names, in `misclassified.png`."""
    labels = split.row_labels
    wrong = np.flatnonzero(labels != predictions)[:WRONG_SHOWN]
    if not len(wrong):
        return
    names = _plain(classes)
    columns = int(np.ceil(np.sqrt(len(wrong))))
    rows = -(-len(wrong) // columns)
    figure = Figure(figsize=(1.7 * columns, 1.9 * rows), dpi=DPI)
    axis = figure.add_axes((0, 0, 1, 1), frame_on=False, xticks=[], yticks=[])
    for place, index in enumerate(wrong):  # in one coordinate system: drawing many takes a second
        image = split.images[split.rows[index]]
        height, width = (length / max(image.shape[:2]) for length in image.shape[:2])
        left, top = 1.1 * (place % columns) + (1 - width) / 2, 1.3 * (place // columns)
        extent = (left, left + width, top + height, top)
        axis.imshow(image[..., 0] if image.shape[2] == 1 else image, cmap="gray", vmin=0, vmax=255, extent=extent)
        title = f"taken for {names[predictions[index]][:14]}\nis {names[labels[index]][:14]}"
        axis.text(left + width / 2, top - 0.03, title, fontsize=7, ha="center", va="bottom")
    axis.set(xlim=(-0.05, 1.1 * columns - 0.05), ylim=(1.3 * rows - 0.25, -0.28))
    FigureCanvasAgg(figure).print_png(folder / "misclassified.png")


def _plain(classes: list[str]) -> list[str]:
    """Names that matplotlib does not take for formulas."""
    return [name.replace("$", r"\$") for name in classes]
