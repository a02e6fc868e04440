"""Checks of images and labels, before any network sees them."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from exprun.config.doctor import Doctor
from exprun.doctor.finding import Finding
from exprun.text import plural

SIDE = 16  # pixels to which images are reduced for the classifier of labels
PATCHES, PATCH = 96, 3  # random filters of the classifier of labels, and their size
TOO_FREQUENT = 0.8  # share of a class above which a classifier can hardly be better than chance level
LEAST_ANSWERS = 30  # fewer held-out images cannot tell
LEAST_IMAGES, FOLDS = 90, 5  # of a classifier of labels
LEAST_OF_CLASS = 8  # images of each class (mean) that a classifier is fitted on
NEIGHBOURS, TREES = 10, 50
LUCK = 3.6  # standard deviations; with answers from one another's labels, luck exceeds them in 1 of 1,000 cases
COMPARED = 1000  # images of a split that are compared with those of another
ALIKE, LEAST_ALIKE = 0.9, 16  # share of images that are one and the same, and of how many
HEAVIER = 1.2  # weight of an image of the most frequent class beside that of another
BEYOND, LEAST_AMOUNTS = 0.2, 100  # share of targets outside of those trained on, and of how many
NEXT, WIDER = 0.1, 10.0  # gap between the ranges of two parts of a sorted set, and how much wider one may be
EXACT = 1e-4  # two samples do not agree so well by chance


@dataclass(frozen=True)
class Images:
    """Some images of a split, and all labels that are known of it.

    Args:
        inputs: as the network takes them, float32, (images, …).
        counts: how often each class occurs in the split, (classes,); None where labels are numbers.
        pixels: images before any scaling, uint8 or float32, (other images, …); None where unknown.
        pixel_labels: class numbers of `pixels`.
        digests: of images of the split; empty where unknown.
        amounts: targets that are no classes, (images, numbers); None where unknown.
    """

    inputs: np.ndarray
    counts: np.ndarray | None = None
    pixels: np.ndarray | None = None
    pixel_labels: np.ndarray | None = None
    digests: tuple[bytes, ...] = ()
    amounts: np.ndarray | None = None


def check_inputs(images: Images, split: str) -> Iterator[Finding]:
    """Values that are not finite, and images that are all alike."""
    x = images.inputs
    bad = ~np.isfinite(x.reshape(len(x), -1))
    if bad.any():
        rows = int(bad.any(1).sum())
        yield Finding(
            "non-finite-input",
            "error",
            f"{split} images",
            f"{rows} of {len(x)} images checked contain{'s' if rows == 1 else ''} NaN or infinity; there must be none.",
            numbers={"images": rows, "values": float(bad.sum())},
        )
        return
    spread = float(x.reshape(len(x), -1).std(0).max()) if len(x) > 1 else 1.0
    if spread <= 1e-6 * max(1.0, float(np.abs(x).max())):
        yield Finding(
            "constant-input",
            "error",
            f"{split} images",
            f"All {len(x)} images checked are the same: no value has a standard deviation above {spread:.2g}.",
            numbers={"spread": spread},
        )
    elif len(images.digests) >= LEAST_ALIKE:
        same = Counter(images.digests).most_common(1)[0][1] / len(images.digests)
        if same > ALIKE:
            yield Finding(
                "constant-input",
                "error",
                f"{split} images",
                f"{same:.0%} of {len(images.digests):,} images checked are the same, bit by bit.",
                numbers={"same": same},
            )


def class_name(number: int, names: Sequence[str]) -> str:
    """The name of a class where it is known, its number where not."""
    return names[number] if number < len(names) else str(number)


def check_classes(
    counts: np.ndarray,
    split: str,
    weighted: bool,
    limits: Doctor,
    weights: np.ndarray | None = None,
    names: Sequence[str] = (),
) -> Iterator[Finding]:
    """Labels of one class only, and strong imbalance that nothing makes up for.

    Args:
        counts: how often each class occurs, (classes,).
        split: its name.
        weighted: whether the loss has class weights.
        limits: the thresholds.
        weights: mean weight of an image of each class, (classes,); None where unknown.
        names: of the classes; empty where unknown.
    """
    total, top = int(counts.sum()), int(counts.argmax())
    if total < 2 or len(counts) < 2:
        return
    if counts[top] == total:
        yield Finding(
            "single-class",
            "error",
            f"{split} labels",
            f"All {total:,} labels checked are class {class_name(top, names)}.",
            numbers={"classes": 1},
        )
        return
    share = counts[top] / total
    assert limits.frequent_class is not None
    heavier = ""
    if weighted and weights is not None:
        others = np.delete(counts * weights, top).sum() / (total - counts[top])
        if weights[top] > HEAVIER * others:
            heavier = (
                f" An image of it weighs {weights[top]:.3g} in the loss, one of the others {others:.2g} (mean): the "
                "weights are upside down."
            )
    if (not weighted or heavier) and share > limits.frequent_class and share * len(counts) > 1.5:
        yield Finding(
            "class-imbalance",
            "warning",
            f"{split} labels",
            f"{share:.0%} of {total:,} labels are class {class_name(top, names)}, so an accuracy of {share:.0%} means "
            f"nothing yet.{heavier}",
            numbers={"share": float(share)},
        )


def check_scaling(train: np.ndarray, val: np.ndarray, same_images: bool, limits: Doctor) -> Iterator[Finding]:
    """Inputs that are scaled otherwise in evaluation than in training.

    Args:
        train: inputs as in training, float32, (images, …, channels).
        val: inputs as in evaluation.
        same_images: whether both are of the same images, so that nothing but the scaling can differ.
        limits: the thresholds.
    """
    (mean, spread), (other_mean, other_spread) = _moments(train), _moments(val)
    if not (np.isfinite(mean + other_mean).all() and spread.max() > 0):
        return
    floor = 1e-3 * spread.max()
    ratios = np.abs(np.log((other_spread + floor) / (spread + floor)))
    shifts = np.abs(other_mean - mean) / (spread + floor)
    ratio, shift = float(ratios.max()), float(shifts.max())
    assert limits.scale_ratio is not None
    assert limits.scale_shift is not None
    slack = 1.0 if same_images else 1.5  # two samples differ by themselves
    if ratio > np.log(limits.scale_ratio) * slack or shift > limits.scale_shift * slack:
        worst = int(np.argmax(np.maximum(ratios / np.log(limits.scale_ratio), shifts / limits.scale_shift)))
        where = f"channel {worst} of the images (from 0) has" if len(mean) > 1 else "images have"
        yield Finding(
            "unscaled-evaluation",
            "error",
            "validation images",
            f"Prepared as for evaluation, {where} mean {other_mean[worst]:.3g} and standard deviation "
            f"{other_spread[worst]:.3g}; as for training, {mean[worst]:.3g} and {spread[worst]:.3g}. They should "
            "be nearly equal.",
            numbers={
                "train_mean": float(mean[worst]),
                "train_std": float(spread[worst]),
                "mean": float(other_mean[worst]),
                "std": float(other_spread[worst]),
            },
        )


def _moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel of images; of all values of anything else."""
    rows = x.reshape(-1, x.shape[-1]) if x.ndim == 4 and x.shape[-1] <= 4 else x.reshape(-1, 1)
    return rows.mean(0, dtype=np.float64), rows.std(0, dtype=np.float64)


def check_split(train: Images, val: Images, names: Sequence[str] = ()) -> Iterator[Finding]:
    """Validation images of classes that are hardly trained on.

    Args:
        train: training images.
        val: validation images.
        names: of the classes; empty where unknown.
    """
    if train.counts is None or val.counts is None:
        return
    classes = max(len(train.counts), len(val.counts))
    own, other = (np.pad(c, (0, classes - len(c))).astype(float) for c in (train.counts, val.counts))
    if min(own.sum(), other.sum()) < LEAST_ANSWERS:
        return
    missing = own / own.sum() < 0.05 * other / other.sum()
    share = float(other[missing].sum() / other.sum())
    if share > 0.2:
        few = ", ".join(class_name(number, names) for number in np.flatnonzero(missing)[:5])
        yield Finding(
            "unshuffled-data",
            "error",
            "validation labels",
            f"{share:.0%} of the validation images are of classes that training hardly has "
            f"({few}). The set was probably sorted when it was split.",
            numbers={"share": share},
        )


def check_target_range(train: Images, val: Images) -> Iterator[Finding]:
    """Targets of validation that go on where those of training end."""
    own, other = train.amounts, val.amounts
    if own is None or other is None or own.shape[1:] != other.shape[1:]:
        return
    if len(own) < LEAST_AMOUNTS or len(other) < LEAST_ANSWERS or not (np.isfinite(own).all() and own.std(0).min() > 0):
        return
    least, most = own.min(0), own.max(0)
    beyond = ((other < least) | (other > most)).mean(0)
    column = int(beyond.argmax())
    gap = max(other[:, column].min() - most[column], least[column] - other[:, column].max(), 0.0)
    apart = gap > NEXT * (most - least)[column]  # scaled otherwise, perhaps
    if beyond[column] > BEYOND and not apart and other[:, column].std() < WIDER * own[:, column].std():
        yield Finding(
            "unshuffled-data",
            "warning",
            "validation labels",
            f"{beyond[column]:.0%} of the validation targets are outside of those trained on, {least[column]:.3g} to "
            f"{most[column]:.3g}: they go from {other[:, column].min():.3g} to {other[:, column].max():.3g}. The set "
            "was probably sorted when it was split.",
            numbers={"share": float(beyond[column])},
            keras="shuffle inputs and targets together before splitting; in a forecast keep the order, and predict "
            "changes in place of levels.",
        )


def check_refitted(train: Images, val: Images) -> Iterator[Finding]:
    """Columns of a table that have exactly the same range in both splits, or exactly mean 0 and deviation 1."""
    own, other = train.inputs, val.inputs
    if own.ndim != 2 or other.ndim != 2 or min(len(own), len(other)) < LEAST_ANSWERS:
        return
    if own.shape[1] != other.shape[1] or not (np.isfinite(own).all() and np.isfinite(other).all()):
        return
    many = [c for c in range(own.shape[1]) if all(len(np.unique(x[:, c])) > len(x) / 2 for x in (own, other))]
    if not many:
        return
    own, other = own[:, many].astype(np.float64), other[:, many].astype(np.float64)
    width = np.ptp(own, axis=0)
    # Several rows at an end were clipped there.
    single = all(((x == end).sum(0) == 1).all() for x in (own, other) for end in (x.min(0), x.max(0)))
    ends = [np.abs(end(own, axis=0) - end(other, axis=0)) < EXACT * width for end in (np.min, np.max)]
    same_range = len(many) > 1 and single and bool(np.all(ends))
    unit = bool((np.abs(other.mean(0)) < EXACT).all() and (np.abs(other.std(0) - 1) < EXACT).all())
    near = bool((np.abs(own.mean(0)) < 0.2).all() and (np.abs(own.std(0) - 1) < 0.2).all())
    if same_range or (unit and near):
        what = (
            f"exactly the same range in training and in validation, {own[:, 0].min():.3g} to {own[:, 0].max():.3g} in "
            f"column {many[0]}"
            if same_range
            else "exactly mean 0 and standard deviation 1 in validation"
        )
        yield Finding(
            "unscaled-evaluation",
            "warning",
            "validation images",
            f"{plural(len(many), 'column')} of continuous numbers "
            f"{'have' if len(many) > 1 else 'has'} {what}, as two samples hardly ever have. The "
            "scaler was probably fitted a second time, on validation.",
            numbers={"columns": len(many)},
            keras="scaler.fit_transform(x_train), then scaler.transform(x_val): fit on the training rows alone.",
        )


def check_order(batches: Iterable[np.ndarray | None]) -> Iterator[Finding]:
    """Batches of one class each.

    Args:
        batches: class numbers of each batch, (batch,); None where labels are no classes.
    """
    known = [batch for batch in batches if batch is not None and len(batch) > 3]
    if len(known) < 3:
        return
    everything = np.concatenate(known)
    tops = [np.bincount(batch - everything.min()).max() / len(batch) for batch in known]
    top = float(np.bincount(everything - everything.min()).max() / len(everything))
    if float(np.mean(tops)) > 0.8 and top < 0.7:
        yield Finding(
            "unshuffled-data",
            "error",
            "training batches",
            f"In each of {len(known)} batches one class has {np.mean(tops):.0%} of the images (mean); of all images no "
            f"class has more than {top:.0%}.",
            numbers={"share": float(np.mean(tops)), "overall": top},
        )


def check_labels(train: Images, val: Images | None) -> Iterator[Finding]:
    """Whether labels belong to their images: simple classifiers are asked about images that they were not fitted on.

    Where none of them is better than guessing, that is a suspicion (a note): a network may be able to learn what they
    cannot. It is proof (an error) where they learn the labels of validation images, images of training look alike, and
    what was learned of validation is no better than guessing there.
    """
    if train.pixels is None or train.pixel_labels is None:
        return
    features = _Features(train.pixels)
    own = _Labelled.of(features, train.pixels, train.pixel_labels)
    if own.chance > TOO_FREQUENT or not own.enough:
        return
    if (FOLDS - 1) * len(own.labels) < FOLDS * LEAST_OF_CLASS * len(own.counts):
        return
    found = []
    for classifier in CLASSIFIERS:
        found.append(own.asked(classifier))
        if found[-1].above_luck:
            return
    proof = ""
    if val is not None and val.pixels is not None and val.pixel_labels is not None:
        other = _Labelled.of(features, val.pixels, val.pixel_labels)
        there = {classifier: other.asked(classifier) for classifier in CLASSIFIERS if other.enough}
        learned = [(one, other.asked(classifier, own)) for classifier, one in there.items() if one.above_luck]
        if any(here.above_luck for _, here in learned):
            return
        proof = _proof(own, other, learned)
    best = max(answer.accuracy for answer in found)
    yield Finding(
        "shuffled-labels",
        "error" if proof else "note",
        "training labels",
        f"Simple classifiers (linear, nearest neighbours, trees), asked about {len(own.labels):,} training images that "
        f"they were not fitted on, are right on {best:.1%} at most; always answering the most frequent class is "
        f"right on {own.chance:.1%}. "
        + (
            proof
            or "On most image sets they do better. What they cannot learn, a network perhaps can; if it cannot, "
            "labels may be mixed up."
        ),
        numbers={"accuracy": best, "chance": own.chance},
    )


def _proof(train: "_Labelled", val: "_Labelled", learned: "list[tuple[_Answers, _Answers]]") -> str:
    """Why labels that no classifier learns are wrong, in a sentence; empty where that is not certain.

    Args:
        train: images whose labels are asked about.
        val: others.
        learned: what each classifier that has learned from these says of others of them, and of the training images.
    """
    if not learned:
        return ""
    # Of as many of each, what can be told from the other split by more than guessing is not like it.
    many = min(COMPARED, len(train.labels), len(val.labels))
    some = [part.features[np.random.default_rng(0).permutation(len(part.labels))[:many]] for part in (train, val)]
    both = _Labelled(np.concatenate(some), np.repeat([0, 1], many))
    alike = min(1.0, 2 - 2 * max(both.asked(classifier).accuracy for classifier in CLASSIFIERS))
    there, here = max(learned, key=lambda pair: pair[0].beyond)
    # Right labels would lie as far above luck as those of validation, up to the number of images like those.
    if there.beyond * np.sqrt(len(train.labels) / len(val.labels)) * alike < 2 * LUCK:
        return ""
    return (
        f"Fitted on validation images, the best of them is right on {there.accuracy:.0%} of other validation images, "
        f"but on {here.accuracy:.0%} of the training images, though these look alike."
    )


class _Features:
    """Fixed features of images: small pixels, and the responses of filters that are patches of the images.

    Args:
        images: of training, (images, …), which say how all others are scaled.
    """

    def __init__(self, images: np.ndarray) -> None:
        rng = np.random.default_rng(0)
        self.filters: np.ndarray | None = None
        if images.ndim == 4:
            blocks = _blocks(images)
            self.mean, self.spread = float(blocks.mean()), float(blocks.std()) + 1e-6
            small = (blocks - self.mean) / self.spread
            rows = rng.integers(0, len(small), PATCHES)
            tops = rng.integers(0, max(1, small.shape[1] - PATCH + 1), (PATCHES, 2))
            patches = np.stack(
                [small[r, y : y + PATCH, x : x + PATCH] for r, (y, x) in zip(rows, tops, strict=True)]
            ).reshape(PATCHES, -1)
            patches = patches - patches.mean(1, keepdims=True)
            self.filters = patches / (np.linalg.norm(patches, axis=1, keepdims=True) + 1e-3)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Features of images, float32, (images, features)."""
        if self.filters is None or min(images.shape[1:3]) < PATCH:
            return images.reshape(len(images), -1).astype(np.float32)
        small = (_blocks(images) - self.mean) / self.spread
        windows = np.lib.stride_tricks.sliding_window_view(small, (PATCH, PATCH), (1, 2))
        n, height, width = windows.shape[:3]
        rows = windows.transpose(0, 1, 2, 4, 5, 3).reshape(n, height, width, -1)
        rows = rows - rows.mean(-1, keepdims=True)
        answers = rows @ self.filters.T.astype(np.float32)
        found = [small.reshape(n, -1)]
        for rectified in (np.maximum(answers, 0), np.maximum(-answers, 0)):
            half = (height + 1) // 2, (width + 1) // 2
            found += [
                rectified[:, y : y + half[0], x : x + half[1]].mean((1, 2))
                for y in (0, height - half[0])
                for x in (0, width - half[1])
            ]
        return np.concatenate(found, 1)


def _blocks(images: np.ndarray) -> np.ndarray:
    """Images of at most `SIDE` pixels a side, by averaging blocks; float32."""
    factor = max(1, -(-max(images.shape[1:3]) // SIDE))
    height, width = (axis // factor for axis in images.shape[1:3])
    if not height or not width:
        factor, (height, width) = 1, images.shape[1:3]
    cut = images[:, : height * factor, : width * factor].astype(np.float32)
    return np.asarray(cut.reshape(len(cut), height, factor, width, factor, -1).mean((2, 4)))


@dataclass(frozen=True)
class _Answers:
    """What a classifier has said about images that it was not fitted on.

    Args:
        accuracy: share that is right.
        beyond: how far the right answers lie above those of luck, in standard deviations.
    """

    accuracy: float
    beyond: float

    @property
    def above_luck(self) -> bool:
        """Whether luck alone does as well in fewer than 1 of 1,000 cases."""
        return self.beyond > LUCK


@dataclass(frozen=True)
class _Labelled:
    """Images, none of them twice, with a class for each.

    Args:
        features: float32, (images, features).
        labels: class numbers, (images,).
    """

    features: np.ndarray
    labels: np.ndarray

    @classmethod
    def of(cls, features: "_Features", pixels: np.ndarray, labels: np.ndarray) -> "_Labelled":
        """From images as they are; of exact copies, the first counts."""
        rows = np.sort(np.unique([hash(image.tobytes()) for image in pixels], return_index=True)[1])
        return cls(features(pixels[rows]), labels[rows])

    @property
    def enough(self) -> bool:
        """Whether there are images enough to ask about."""
        return len(self.labels) >= LEAST_IMAGES

    @property
    def counts(self) -> np.ndarray:
        """How often each class that occurs does, (classes,)."""
        return np.unique(self.labels, return_counts=True)[1]

    @property
    def chance(self) -> float:
        """Share of the most frequent class."""
        return float(self.counts.max() / len(self.labels))

    def asked(self, classifier: "Classifier", others: "_Labelled | None" = None) -> _Answers:
        """Fit a classifier on these images, and ask it about others, or about each of these from the rest."""
        classes, fitted = np.unique(self.labels, return_inverse=True)
        about = others or self
        scores = classifier(
            self.features, np.eye(len(classes), dtype=np.float32)[fitted], None if others is None else others.features
        )
        right = float((classes[scores.argmax(1)] == about.labels).mean())
        known = np.isin(about.labels, classes)
        return _Answers(right, _beyond_luck(scores[known], np.searchsorted(classes, about.labels[known])))


def _beyond_luck(scores: np.ndarray, labels: np.ndarray) -> float:
    """Sum of the scores of the right classes, against that of the same labels in any order, in standard deviations.

    Frequent classes gain nothing by being frequent. Hoeffding 1951, A combinatorial central limit theorem.

    Args:
        scores: of each class, (images, classes).
        labels: places of the right classes in `scores`, (images,).
    """
    if len(labels) < 2:
        return 0.0
    counts = np.bincount(labels, minlength=scores.shape[1])
    scores = scores - (scores @ counts / len(labels))[:, None]
    scores = scores - scores.mean(0)
    deviation = np.sqrt(float((scores**2).sum(0) @ counts) / (len(labels) - 1))
    return float(scores[np.arange(len(labels)), labels].sum() / deviation) if deviation > 1e-6 else 0.0


# From features and one-hot rows of images to scores, (images, classes): of other images where their features are given,
# else of each of the same from a fit without it.
Classifier = Callable[[np.ndarray, np.ndarray, np.ndarray | None], np.ndarray]


def _linear(features: np.ndarray, targets: np.ndarray, others: np.ndarray | None) -> np.ndarray:
    """Ridge regression; each fifth of the images is asked about from the other four."""
    if others is not None:
        fit, ask = np.split(np.arange(len(features) + len(others)), [len(features)])
        return _answered(np.concatenate([features, others]), targets, fit, ask)
    order = np.random.default_rng(0).permutation(len(features))
    scores = np.empty_like(targets)
    for ask in np.array_split(order, FOLDS):
        scores[ask] = _answered(features, targets, np.setdiff1d(order, ask), ask)
    return scores


def _neighbours(features: np.ndarray, targets: np.ndarray, others: np.ndarray | None) -> np.ndarray:
    """The classes of the nearest images."""
    x = features - features.mean(0)
    scale = x.std(0) + 1e-3 * x.std()  # what hardly varies decides nothing
    x = x / np.where(scale > 0, scale, 1)
    y = x if others is None else (others - features.mean(0)) / np.where(scale > 0, scale, 1)
    distances = (x**2).sum(1) - 2 * y @ x.T
    if others is None:
        np.fill_diagonal(distances, np.inf)
    nearest = np.argpartition(distances, min(NEIGHBOURS, len(x) - 1), 1)[:, :NEIGHBOURS]
    return np.asarray(targets[nearest].mean(1))


def _trees(features: np.ndarray, targets: np.ndarray, others: np.ndarray | None) -> np.ndarray:
    """Randomised trees (Geurts et al. 2006), each image asked about by those that were not fitted on it."""
    from sklearn.ensemble import ExtraTreesClassifier

    forest = ExtraTreesClassifier(TREES, min_samples_leaf=2, bootstrap=True, oob_score=others is None, random_state=0)
    forest.fit(features, targets.argmax(1))
    return np.asarray(forest.oob_decision_function_ if others is None else forest.predict_proba(others))


CLASSIFIERS: tuple[Classifier, ...] = (_linear, _neighbours, _trees)  # the cheapest first


def _answered(features: np.ndarray, targets: np.ndarray, fit: np.ndarray, ask: np.ndarray) -> np.ndarray:
    """Fit on some images, answer for others: (asked, classes)."""
    x = (features - features[fit].mean(0)) / (features[fit].std(0) + 1e-3)
    x = np.tanh(x / 3)  # far-off values decide nothing
    centre = targets[fit].mean(0)
    kernel = x[fit] @ x[fit].T
    ridge = 0.05 * np.trace(kernel) / max(1, len(fit)) + 1e-3  # the last for images that are all alike
    weights = np.linalg.solve(kernel + ridge * np.eye(len(fit), dtype=np.float32), targets[fit] - centre)
    return np.asarray(x[ask] @ (x[fit].T @ weights) + centre)
