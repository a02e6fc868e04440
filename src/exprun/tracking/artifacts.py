"""Plots of a finished run: curves, confusion matrix, misclassified images."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure  # not pyplot, which needs a window system and keeps state between runs

from exprun.data import Dataset, Split
from exprun.run_folder import RunFolder

DPI = 110
WRONG_SHOWN = 25  # misclassified images that are drawn
CLASSES_DRAWN = 30  # classes of a confusion matrix that are drawn
MAX_FULL_MATRIX = 200  # classes up to which the full confusion matrix is written
CURVES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("train/batch_", "training, means over some steps", {"color": "tab:blue", "alpha": 0.4}),
    ("train/", "training, means over epochs", {"color": "tab:blue", "marker": "o"}),
    ("val/", "validation", {"color": "tab:orange", "marker": "o"}),
)


def write_plots(folder: RunFolder, dataset: Dataset, predictions: np.ndarray | None) -> None:
    """Draw the curves and, if the test set was evaluated, the confusion matrix and misclassified images.

    Args:
        folder: the run's folder.
        dataset: the data set of the run.
        predictions: the predicted classes of the test images, (images,); None if the test set was not evaluated.
    """
    write_curves(folder)
    if dataset.test is not None and predictions is not None:
        write_confusion(folder.path, dataset.classes, dataset.test.row_labels, predictions)
        write_misclassified(folder.path, dataset.classes, dataset.test, predictions)


def write_curves(folder: RunFolder) -> None:
    """Draw loss and accuracy of training and validation from the journal into `curves.png`."""
    curves: dict[str, list[tuple[int, float]]] = {}
    for row in folder.read_journal():
        for key, value in row["metrics"].items():
            curves.setdefault(key, []).append((row["step"], value))
    figure = Figure(figsize=(10, 4), dpi=DPI)
    figure.subplots_adjust(left=0.07, right=0.98, bottom=0.13, top=0.95, wspace=0.2)
    axes = figure.subplots(1, 2)
    for axis, name in zip(axes, ("loss", "accuracy"), strict=True):
        for prefix, label, style in CURVES:
            points = sorted(curves.get(f"{prefix}{name}", []))
            if points:
                style = style if len(points) > 1 else style | {"marker": "o"}
                axis.plot(*zip(*points, strict=True), label=label, markersize=3, **style)
        axis.set(xlabel="step", ylabel=name)
        axis.grid(alpha=0.3)
    if axes[0].has_data():
        axes[0].legend()
    FigureCanvasAgg(figure).print_png(folder.path / "curves.png")


def write_confusion(folder: Path, classes: list[str], labels: np.ndarray, predictions: np.ndarray) -> None:
    """Write the confusion matrix to `confusion.json` and draw it in `confusion.png`.

    With up to `MAX_FULL_MATRIX` classes the JSON file holds the full matrix, with more only the cells that are not 0.

    Args:
        folder: the run's folder.
        classes: the names of the classes.
        labels: the true classes of the images, (images,).
        predictions: the predicted classes of the images, (images,).
    """
    count = len(classes)
    cells, images = np.unique(labels.astype(np.int64) * count + predictions, return_counts=True)
    true, predicted = cells // count, cells % count
    note: dict[str, Any] = {"classes": classes, "rows": "true class", "columns": "predicted class"}
    if count <= MAX_FULL_MATRIX:
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
    """Draw the confusion matrix, with at most the `CLASSES_DRAWN` classes that are confused most often.

    Args:
        file: the image file to write.
        classes: the names of the classes.
        true: the true class of each cell that is not 0, (cells,).
        predicted: the predicted class of each cell that is not 0, (cells,).
        images: the number of images in each of these cells, (cells,).
    """
    shown = np.array(_most_confused(len(classes), true, predicted, images))
    row_of_class = np.full(len(classes), -1)
    row_of_class[shown] = np.arange(len(shown))
    inside = (row_of_class[true] >= 0) & (row_of_class[predicted] >= 0)
    matrix = np.zeros((len(shown), len(shown)), int)
    matrix[row_of_class[true[inside]], row_of_class[predicted[inside]]] = images[inside]
    of_class = np.bincount(true, images, len(classes))[shown]
    share = matrix / np.maximum(of_class, 1)[:, None]
    size = min(4 + 0.35 * len(shown), 14)
    figure = Figure(figsize=(size, size), dpi=DPI, layout="constrained")  # class names may be long
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
            f"{images[wrong & inside].sum():,} of {images[wrong].sum():,} wrong predictions"
        )
    FigureCanvasAgg(figure).print_png(file)


def _most_confused(count: int, true: np.ndarray, predicted: np.ndarray, images: np.ndarray) -> list[int]:
    """Up to `CLASSES_DRAWN` classes: all in order, or those in the pairs that were confused most often."""
    if count <= CLASSES_DRAWN:
        return list(range(count))
    wrong = np.flatnonzero(true != predicted)
    often = wrong[np.argsort(-images[wrong], kind="stable")]
    pairs = np.stack((true[often], predicted[often]), axis=1).ravel()
    _, first = np.unique(pairs, return_index=True)
    confused = pairs[np.sort(first)][:CLASSES_DRAWN].tolist()
    return confused or list(range(CLASSES_DRAWN))


def write_misclassified(folder: Path, classes: list[str], split: Split, predictions: np.ndarray) -> None:
    """Draw misclassified images, each with its predicted and its true class, in `misclassified.png`."""
    labels = split.row_labels
    wrong = np.flatnonzero(labels != predictions)[:WRONG_SHOWN]
    if not len(wrong):
        return
    names = _plain(classes)
    columns = int(np.ceil(np.sqrt(len(wrong))))
    rows = -(-len(wrong) // columns)
    figure = Figure(figsize=(1.7 * columns, 1.9 * rows), dpi=DPI)
    axis = figure.add_axes((0, 0, 1, 1), frame_on=False, xticks=[], yticks=[])
    for position, index in enumerate(wrong):  # all images share one set of axes, as many sets take a second to draw
        image = split.images[split.rows[index]]
        height, width = (length / max(image.shape[:2]) for length in image.shape[:2])
        left, top = 1.1 * (position % columns) + (1 - width) / 2, 1.3 * (position // columns)
        extent = (left, left + width, top + height, top)
        axis.imshow(image[..., 0] if image.shape[2] == 1 else image, cmap="gray", vmin=0, vmax=255, extent=extent)
        title = f"predicted {names[predictions[index]][:14]}\ntrue {names[labels[index]][:14]}"
        axis.text(left + width / 2, top - 0.03, title, fontsize=7, ha="center", va="bottom")
    axis.set(xlim=(-0.05, 1.1 * columns - 0.05), ylim=(1.3 * rows - 0.25, -0.28))
    FigureCanvasAgg(figure).print_png(folder / "misclassified.png")


def _plain(classes: list[str]) -> list[str]:
    """Class names, escaped so that matplotlib does not read them as formulas."""
    return [name.replace("$", r"\$") for name in classes]
