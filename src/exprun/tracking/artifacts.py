"""Pictures of a finished run: curves, confusion matrix, the images it got wrong."""

import json
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure  # not pyplot: no window system, no state that runs share

from exprun.data import Split
from exprun.tracking.journal import read

DPI = 110
WRONG_SHOWN = 25
NAMES_SHOWN = 30  # more classes than this are not labelled


def write_curves(folder: Path) -> None:
    """Draw loss and accuracy of training and validation from the journal into `curves.png`."""
    figures: dict[str, list[tuple[int, float]]] = {}
    for row in read(folder / "metrics.jsonl"):
        for key, value in row["metrics"].items():
            figures.setdefault(key, []).append((row["step"], value))
    figure = Figure(figsize=(10, 4), dpi=DPI)
    figure.subplots_adjust(left=0.07, right=0.98, bottom=0.13, top=0.95, wspace=0.2)
    axes = figure.subplots(1, 2)
    for axis, name in zip(axes, ("loss", "accuracy"), strict=True):
        for split, label in (("train", "training, running mean"), ("val", "validation")):
            points = sorted(figures.get(f"{split}/{name}", []))
            if points:
                axis.plot(
                    *zip(*points, strict=True),
                    label=label,
                    marker="o" if split == "val" or len(points) == 1 else None,
                    markersize=3,
                )
        axis.set(xlabel="step", ylabel=name)
        axis.grid(alpha=0.3)
    if axes[0].has_data():
        axes[0].legend()
    FigureCanvasAgg(figure).print_png(folder / "curves.png")


def write_confusion(folder: Path, classes: list[str], labels: np.ndarray, predictions: np.ndarray) -> None:
    """Write how often each class was taken for which: `confusion.json` and `confusion.png`.

    Args:
        folder: of the run.
        classes: names.
        labels: true classes, (images,).
        predictions: predicted classes, (images,).
    """
    count = len(classes)
    matrix = np.bincount(labels * count + predictions, minlength=count * count).reshape(count, count)
    note = {"classes": classes, "rows": "true class", "columns": "predicted class", "matrix": matrix.tolist()}
    (folder / "confusion.json").write_text(json.dumps(note), encoding="utf-8")
    size = min(4 + 0.35 * count, 14)
    figure = Figure(figsize=(size, size), dpi=DPI, layout="constrained")  # the names of classes may be long
    axis = figure.subplots()
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    if count <= NAMES_SHOWN:
        axis.set_xticks(range(count), _plain(classes), rotation=90)
        axis.set_yticks(range(count), _plain(classes))
        for y, x in np.argwhere(matrix > 0):
            colour = "white" if share[y, x] > 0.5 else "black"
            axis.text(x, y, str(matrix[y, x]), ha="center", va="center", fontsize=8, color=colour, in_layout=False)
    axis.set(xlabel="predicted", ylabel="true")
    FigureCanvasAgg(figure).print_png(folder / "confusion.png")


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
