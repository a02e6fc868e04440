"""The pictures of a page: each shows one aspect of a network, of its data or of its training."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from exprun.doctor.history import History
from exprun.doctor.instruments.labels import read_labels
from exprun.doctor.subject import Subject
from exprun.doctor_page.material import Material
from exprun.doctor_page.pairs import copies
from exprun.doctor_page.paths import Path, bypassed
from exprun.doctor_page.statistics import Statistics
from exprun.pages import channels, depth, pictures
from exprun.pages.depth import span
from exprun.pages.series import Line, Series, short
from exprun.text import rounded

IMAGE_AXES = 4  # axes of images, (images, height, width, channels)
TRAINING_SHOWN, VALIDATION_SHOWN = 16, 8  # images
BATCHES_SHOWN, ACROSS = 4, 8  # batches, and images of each
ROWS_SHOWN, COLUMNS_SHOWN = 16, 200  # of inputs that are no images
MEASURED = 256  # images of each split whose values are measured
MOST_CLASSES = 24  # of which counts are shown as bars; of more, the most and the least frequent ones
TINY = 1e-12  # standard deviations that are no larger count as this
WIDE = 1000.0  # ratio of the ends of losses from which only a logarithmic axis shows all of them


@dataclass(frozen=True)
class Bars:
    """Counts of classes, for the macro `bars` in `parts.html`.

    Args:
        names: the names of the classes that are shown.
        splits: the name of each split, and its count of each of these classes.
    """

    names: list[str]
    splits: list[tuple[str, list[int]]]


@dataclass(frozen=True)
class Figure:
    """A picture with the result that it shows; which of the parts it has depends on its kind.

    Args:
        kind: the kind, which is unique in a page.
        title: the result, in a sentence.
        note: how the picture is to be read; empty if that is clear.
        series: line charts.
        gallery: images.
        measured: the values of splits, as histograms and a table.
        bars: counts of classes.
        heat: a heat map, as `heatmap.js` takes it.
        paths: paths through layers.
    """

    kind: str
    title: str
    note: str = ""
    series: Sequence[Series] = field(default_factory=tuple)
    gallery: pictures.Gallery | None = None
    measured: Sequence[channels.Channels] = field(default_factory=tuple)
    bars: Bars | None = None
    heat: dict[str, Any] | None = None
    paths: Sequence[Path] = field(default_factory=tuple)


def figures(known: Material, wanted: Collection[str] = ()) -> dict[str, Figure]:
    """All pictures that can be drawn, by their kind, in the order in which a page shows them.

    Args:
        known: what they are drawn from.
        wanted: the kinds that findings ask for; pairs of copies, batches, outputs and paths are drawn only then.
    """
    found: list[Figure | None] = []
    if known.history is not None:
        found += [_curves(known.history), _memory(known.history)]
    subject = known.subject
    if subject is not None and "paths" in wanted:
        found.append(_paths(subject.model))
    if subject is not None and len(subject.train.inputs):
        found += [_images(subject, known), _histograms(subject), _classes(subject)]
        found += [_pairs(subject)] if "pairs" in wanted else []
        found += [_batches(subject, known)] if "batches" in wanted else []
        found += [_outputs(subject, known)] if "outputs" in wanted else []
    if subject is not None and known.outputs is not None:
        found.append(_predicted(subject, known))
    if known.depths:
        found += [Figure(kind, series.title, series=(series,)) for kind, series in depth.charts(known.depths).items()]
    if known.statistics is not None:
        found.append(_statistics(known.statistics))
    if known.history is not None:
        found.append(_steps(known.history))
    return {figure.kind: figure for figure in found if figure is not None}


def _paths(model: Any) -> Figure | None:
    found = bypassed(model)
    return None if found is None else Figure("paths", found.title, found.note, paths=found.paths)


def _images(subject: Subject, known: Material) -> Figure | None:
    """The first images as the network gets them, with their labels; for other inputs, a heat map of the first rows."""
    train = subject.train.inputs[:TRAINING_SHOWN]
    names = _names(subject, known.labels, len(train))
    if train.ndim != IMAGE_AXES or 0 in train.shape:
        return _rows(train, names)
    predicted = _classes_of_outputs(known.outputs)
    captions = [
        pictures.Picture(
            name + (f" → {subject.class_name(int(predicted[at]))}" if at < len(predicted) else ""),
            mark="bad" if at < len(predicted) and subject.class_name(int(predicted[at])) != name else "",
        )
        for at, name in enumerate(names)
    ]
    val = subject.val.inputs[:VALIDATION_SHOWN] if subject.val is not None else train[:0]
    is_alike = val.shape[1:] == train.shape[1:]
    scale = pictures.displayed(train)
    shown = list(scale.images)
    if is_alike and len(val):
        # On the scale of the training images, so that the eye sees if the network gets something else here.
        shown += list(pictures.displayed(val, (scale.low, scale.high)).images)
        captions += [pictures.Picture(f"validation: {name}") for name in _names(subject, known.val_labels, len(val))]
    arrow = " After the arrow is the prediction." if len(predicted) else ""
    broken = f" {scale.not_finite:,} values are not finite." if scale.not_finite else ""
    both = " Validation images are on the scale of the training images." if is_alike and len(val) else ""
    return Figure(
        "images",
        f"Images as the network gets them: {scale.range}",
        f"Below each image is its label.{arrow}{both}{broken}",
        gallery=pictures.gallery(shown, captions),
    )


def _batches(subject: Subject, known: Material) -> Figure | None:
    """The first images of the first batches, a row for each batch."""
    inputs, size = subject.train.inputs, known.batch
    if inputs.ndim != IMAGE_AXES or not size or len(inputs) < 2 * size:
        return None
    starts = range(0, min(len(inputs) // size, BATCHES_SHOWN) * size, size)
    across = min(size, ACROSS)
    names = _names(subject, known.labels, len(inputs))
    places = [start + at for start in starts for at in range(across)]
    batches = [inputs[start : start + size] for start in starts]
    repeats = sum(np.array_equal(batches[0], one, equal_nan=True) for one in batches[1:])
    title = f"The first {len(batches)} batches of the training"
    if repeats == len(batches) - 1:
        title += " hold the same images"
    captions = [pictures.Picture(names[place]) for place in places]
    shown = pictures.displayed(inputs[places])
    gallery = pictures.gallery(list(shown.images), captions, columns=across)
    return Figure("batches", title, f"Each row has the first {across} images of a batch.", gallery=gallery)


def _rows(inputs: np.ndarray, names: Sequence[str]) -> Figure | None:
    """A heat map of inputs that are no images."""
    values = inputs.reshape(len(inputs), -1)[:ROWS_SHOWN, :COLUMNS_SHOWN].astype(np.float64)
    if not values.size:
        return None
    left_out = int(np.prod(inputs.shape[1:])) - values.shape[1]
    low, high = (float(values[np.isfinite(values)].min(initial=0)), float(values[np.isfinite(values)].max(initial=0)))
    return Figure(
        "images",
        f"Inputs as the network gets them: from {rounded(low)} to {rounded(high)}",
        f"One row for each example, with its label{f'; {left_out:,} further values are left out' if left_out else ''}.",
        heat={
            "rows": [f"{at + 1}: {name}" for at, name in enumerate(names[: len(values)])],
            "columns": [str(column) for column in range(values.shape[1])],
            "values": [[short(value) for value in row] for row in values.tolist()],
            "label": "value",
            "rowsLabel": "example",
            "columnsLabel": "position",
        },
    )


def _names(subject: Subject, labels: np.ndarray | None, count: int) -> list[str]:
    """The labels of the first images as text."""
    if labels is None or not len(labels):
        return ["label unknown"] * count
    read = read_labels(labels)
    if read.classes is not None and read.classes.ndim == 1 and len(read.classes) == len(labels):
        texts = [subject.class_name(int(one)) if one >= 0 else str(one) for one in read.classes[:count]]
    elif np.ndim(labels) == 2 and len(labels[0]) == len(subject.classes):  # several labels
        texts = [" + ".join(subject.class_name(int(n)) for n in np.flatnonzero(one)) or "no label" for one in labels]
    else:
        texts = [_short_label(np.asarray(one)) for one in labels[:count]]
    return texts[:count] + ["label unknown"] * (count - len(texts))


def _short_label(label: np.ndarray) -> str:
    values = label.ravel()
    text = ", ".join(rounded(float(value)) for value in values[:4])
    return f"{text}, …" if len(values) > 4 else text


def _classes_of_outputs(outputs: np.ndarray | None) -> np.ndarray:
    """The predicted class of each image; empty if outputs are unknown, or not of several classes."""
    if outputs is None or outputs.ndim != 2 or outputs.shape[1] < 2 or not np.isfinite(outputs).all():
        return np.zeros(0, np.int64)
    return outputs.argmax(1)


def _histograms(subject: Subject) -> Figure:
    train = channels.channels("training", subject.train.inputs[:MEASURED])
    if subject.val is None or not len(subject.val.inputs):
        return Figure("histograms", f"The network gets {_range(train)}", measured=(train,))
    val = channels.channels("validation", subject.val.inputs[:MEASURED])
    alike = f"In training and validation, the network gets {_range(train)}"
    note = "The height is the square root of the share of the values; each split has its peak at the same height."
    title = channels.difference(train, val).removesuffix(".") or alike
    return Figure("histograms", title, note, measured=(train, val))


def _range(measured: channels.Channels) -> str:
    mean, spread = float(np.mean(measured.mean)), float(np.mean(measured.spread))
    ends = f"{rounded(min(measured.low))} to {rounded(max(measured.high))}"
    return f"values from {ends} (mean {rounded(mean)} ± {rounded(spread)})"


def _classes(subject: Subject) -> Figure | None:
    counts = {"training": subject.train.counts, "validation": None if subject.val is None else subject.val.counts}
    known = {name: each for name, each in counts.items() if each is not None and each.sum()}
    if "training" not in known:
        return None
    train = known["training"]
    most, least = int(train.argmax()), int(train.argmin())
    names = subject.class_name(most), subject.class_name(least)
    if train[most] <= 1.5 * max(1, train[least]) and train[least]:
        each = f"{int(train[least]):,}" + (f" to {int(train[most]):,}" if train[most] > train[least] else "")
        title = f"{len(train):,} classes, each with {each} training images"
    else:
        title = f"Training images: {int(train[most]):,} of class {names[0]}, {int(train[least]):,} of class {names[1]}"
    return Figure("classes", title, _left_out(len(train)), bars=_bars(subject, known))


def _left_out(classes: int) -> str:
    if classes <= MOST_CLASSES:
        return ""
    half = MOST_CLASSES // 2
    return f"Of {classes:,} classes, the {half} with the most training images and the {half} with the fewest."


def _bars(subject: Subject, known: dict[str, np.ndarray]) -> Bars:
    count = max(map(len, known.values()))
    filled = {name: np.pad(each, (0, count - len(each))).astype(int) for name, each in known.items()}
    order = np.arange(count)
    if count > MOST_CLASSES:
        by_size = np.argsort(-next(iter(filled.values())), kind="stable")
        order = np.concatenate([by_size[: MOST_CLASSES // 2], by_size[-MOST_CLASSES // 2 :]])
    names = [subject.class_name(int(one)) for one in order]
    return Bars(names, [(name, [int(each[one]) for one in order]) for name, each in filled.items()])


def _predicted(subject: Subject, known: Material) -> Figure | None:
    """The number of predictions of each class, next to the number of its images."""
    predicted = _classes_of_outputs(known.outputs)
    labels = None if known.labels is None else read_labels(known.labels[: len(predicted)]).classes
    if not len(predicted) or labels is None or labels.ndim != 1 or labels.min(initial=0) < 0:
        return None
    assert known.outputs is not None
    counts = np.bincount(predicted, minlength=known.outputs.shape[1])
    top, different = int(counts.argmax()), int((counts > 0).sum())
    title = (
        f"Class {subject.class_name(top)} is predicted for all {len(predicted)} images"
        if different == 1
        else f"{different} of {len(counts)} classes are predicted for {len(predicted)} images"
    )
    right = np.bincount(labels, minlength=len(counts))
    return Figure("predicted", title, bars=_bars(subject, {"predicted": counts, "labels": right}))


def _outputs(subject: Subject, known: Material) -> Figure | None:
    """The outputs for the first training images, in training mode."""
    if known.trained is None or not known.trained.size:
        return None
    outputs = known.trained.reshape(len(known.trained), -1)[:ROWS_SHOWN, :COLUMNS_SHOWN].astype(np.float64)
    names = _names(subject, known.labels, len(outputs))
    zero, is_finite = float((outputs == 0).mean()), bool(np.isfinite(outputs).all())
    low, high = (float(end(outputs[np.isfinite(outputs)], initial=0)) for end in (np.min, np.max))
    title = (
        f"In training mode, {zero:.0%} of the outputs are 0" if zero else _sides(subject, known.trained, known.labels)
    )
    return Figure(
        "outputs",
        title or f"In training mode, outputs are from {rounded(low)} to {rounded(high)}",
        "One row for each training image, with its label, and one column for each output of the network."
        + (" Outputs that are 0 have no colour." if zero and is_finite else ""),
        heat={
            "rows": [f"{at + 1}: {name}" for at, name in enumerate(names)],
            "columns": [subject.class_name(column) for column in range(outputs.shape[1])],
            "values": [[short(value) if value or not is_finite else None for value in row] for row in outputs.tolist()],
            **({"empty": "0"} if is_finite else {}),
            "label": "output",
            "rowsLabel": "image",
            "columnsLabel": "output",
        },
    )


def _sides(subject: Subject, outputs: np.ndarray, labels: np.ndarray | None) -> str:
    """The title of logits of yes or no that other thresholds than 0 read as other answers; empty without them."""
    objective = subject.objective
    if labels is None or objective is None or objective.kind != "sigmoid" or not objective.from_logits:
        return ""
    count = min(len(outputs), len(labels))
    logits, wanted = outputs[:count].reshape(-1), np.asarray(labels)[:count].reshape(-1)
    if not logits.size == wanted.size == count or not np.isin(wanted, (0, 1)).all():
        return ""
    zero, half = (int(((logits > threshold) == (wanted == 1)).sum()) for threshold in (0, 0.5))
    if zero == half:
        return ""
    return f"In training mode, {zero} of {count} outputs are on the right side of 0, but {half} on that of 0.5"


def _statistics(found: Statistics) -> Figure:
    """The values that reach batch norms, next to the moving averages that these normalise with in evaluation."""
    both = zip(found.layers, found.reaching, found.averages, found.shifts, strict=True)
    known = [(name, max(one, TINY) / max(other, TINY), shift) for name, one, other, shift in both if np.isfinite(one)]
    name, factor, shift = max(known, key=lambda one: max(abs(math.log(one[1])), one[2]), default=("", 1.0, 0.0))
    if max(factor, 1 / factor, 1 + shift) < 2:
        title = "The moving averages of batch norms are those of the values that reach them"
    else:
        title = f"The values that reach {name} have {_times(factor)} the standard deviation of its moving averages"
        title += f", and their mean is {rounded(shift, 2)} of these away" if shift > 1 else ""
    places = range(len(found.layers))
    lines = [Line("values", places, found.reaching), Line("moving averages", places, found.averages)]
    label = "standard deviation, median over channels"
    series = Series(title, label, lines, "batch norm, from the input to the output", found.layers, log=True)
    return Figure("statistics", title, series=(series,))


def _times(factor: float) -> str:
    return f"{rounded(factor)} times" if factor >= 1 else f"1/{rounded(1 / factor)} of"


def _pairs(subject: Subject) -> Figure | None:
    found = copies(subject)
    if found is None:
        return None
    captions = [pictures.Picture(text) for pair in found.captions for text in pair]
    shown = [image for pair in found.images for image in pair]
    if shown[0].dtype != np.uint8:
        both = pictures.displayed(np.stack(shown))
        shown = list(both.images)
    return Figure(
        "pairs",
        found.described,
        "Each row shows an image and its copy.",
        gallery=pictures.gallery(shown, captions, columns=2),
    )


def _curves(history: History) -> Figure | None:
    """Loss and accuracy over the epochs; over the steps, if no epoch has ended."""
    if not history.epochs:
        return _first_steps(history)
    epochs = list(range(1, len(history.epochs) + 1))
    trained = [one.loss for one in history.epochs]
    # With one evaluation an epoch, the place of each is known.
    evaluated = history.evaluations if len(history.evaluations) == len(epochs) else []
    losses = [Line("training", epochs, trained)]
    losses += [Line("validation", epochs, [one.loss for one in evaluated])] if evaluated else []
    level = [] if history.chance is None else [("chance level", history.chance.loss)]
    known = [value for line in losses for value in line.y if value is not None and math.isfinite(value)]
    log = bool(known) and min(known) > 0 and max(known) > WIDE * min(known)
    end = f"The training loss {_ends(trained[-1])}"
    end += f", the validation loss {_ends(evaluated[-1].loss)}" if evaluated else ""
    end += f"; chance level is {rounded(history.chance.loss)}" if history.chance is not None else ""
    series = [Series(end, "loss", losses, "epoch", log=log, levels=level)]
    accuracies = [Line("training", epochs, [100 * one.accuracy for one in history.epochs])]
    accuracies += [Line("validation", epochs, [100 * one.accuracy for one in evaluated])] if evaluated else []
    accuracies = [line for line in accuracies if any(value is not None and math.isfinite(value) for value in line.y)]
    if accuracies:
        share = math.nan if history.chance is None else 100 * history.chance.accuracy
        last = " and ".join(f"{line.y[-1]:.1f} % ({line.name})" for line in accuracies)
        levels = [("chance level", share)]
        series.append(Series(f"The accuracy ends at {last}", "accuracy, %", accuracies, "epoch", levels=levels))
    return Figure("curves", end, series=series)


def _ends(loss: float) -> str:
    return f"ends at {rounded(loss)}" if math.isfinite(loss) else "is not finite at the end"


def _first_steps(history: History) -> Figure | None:
    losses = [loss for loss, _ in history.recent]
    if not losses:
        return None
    title = f"The training loss of the latest steps {_ends(losses[-1])}"
    level = [] if history.chance is None else [("chance level", history.chance.loss)]
    line = Line("training", range(1, len(losses) + 1), losses)
    return Figure("curves", title, series=(Series(title, "loss", [line], "step", levels=level),))


def _memory(history: History) -> Figure | None:
    if not history.memory:
        return None
    losses = history.memory
    ends = f"{rounded(losses[0])} to {rounded(losses[-1])}"
    title = f"On a few images alone, the loss goes from {ends} in {len(losses)} steps"
    series = Series(title, "loss", [Line("a few images", range(len(losses)), losses)], "step")
    return Figure("memory", title, series=(series,))


def _steps(history: History) -> Figure | None:
    """The changes of the weights from probe to probe."""
    moves, steps = history.probes.values["updates"], history.probes.steps
    columns = [at for at, column in enumerate(zip(*moves.values(), strict=True)) if np.isfinite(column).any()]
    if not columns:
        return None
    names = list(moves)
    values = [[short(row[at]) for at in columns] for row in moves.values()]
    known = [value for row in values for value in row if value is not None]
    still = [name for name, row in zip(names, values, strict=True) if all(value == 0 for value in row)]
    title = f"Weights change by {span(known)} of their size in a step" if known else "Changes"
    if still:
        title = f"{', '.join(still[:3])}{' and more' if len(still) > 3 else ''} never change"
    return Figure(
        "steps",
        title,
        "Change of each matrix of weights in a step, relative to its size, between probes.",
        heat={
            "rows": names,
            "columns": [str(steps[at]) for at in columns],
            "values": values,
            "log": True,
            "label": "relative change in a step",
            "rowsLabel": "weights",
            "columnsLabel": "step",
        },
    )
