"""Checks of images and labels, before they reach a network."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from exprun.config.doctor import Doctor
from exprun.doctor.finding import Finding
from exprun.text import plural

SIDE = 16  # pixels a side to which images are reduced for the classifiers of labels
PATCHES = 96  # random filters for the features of the classifiers
PATCH = 3  # size of a filter, in pixels a side
MAX_FREQUENCY = 0.8  # share of a class above which a classifier can hardly be better than chance level
MIN_VAL_IMAGES = 30  # with fewer validation images, a comparison of splits proves nothing
MIN_IMAGES = 90  # images for fitting and testing a classifier
FOLDS = 5  # folds of cross-validation
MIN_CLASS_IMAGES = 8  # images for each class, on average, on which a classifier is fitted
NEIGHBOURS = 10  # nearest images that vote
TREES = 50  # trees of the forest
LUCK = 3.6  # standard deviations that luck exceeds in 1 of 1,000 cases, if labels are predicted from each other
MAX_COMPARED = 1000  # images of each split in the comparison of two splits
SAME = 0.9  # share of images that are the same image, above which the inputs count as constant
MIN_DIGESTS = 16  # images that are compared for that
HEAVIER = 1.2  # weight of the most frequent class, in units of the mean weight of the others, that is upside down
BEYOND = 0.2  # share of validation targets outside the training range, above which the split counts as sorted
MIN_TARGETS = 100  # training targets that define this range
MAX_GAP = 0.1  # gap between the ranges of two parts of a sorted data set, as a share of the training range
MAX_WIDER = 10.0  # how many times wider the validation targets may be than the training targets
EXACT = 1e-4  # relative difference below which two samples do not agree by chance


@dataclass(frozen=True)
class Images:
    """Some images of a split, and the class counts of all its labels.

    Args:
        inputs: the images as the network takes them, float32, (images, …).
        counts: how often each class occurs in the split, (classes,); None if the labels are numbers to predict.
        pixels: images before any scaling, uint8 or float32, (other images, …); None if unknown.
        pixel_labels: the class number of each image in `pixels`, (other images,); None if unknown.
        digests: the digests of images of the split; empty if unknown.
        amounts: targets that are not classes, (images, numbers); None if unknown.
    """

    inputs: np.ndarray
    counts: np.ndarray | None = None
    pixels: np.ndarray | None = None
    pixel_labels: np.ndarray | None = None
    digests: tuple[bytes, ...] = ()
    amounts: np.ndarray | None = None


def check_inputs(images: Images, split: str) -> Iterator[Finding]:
    """Find values that are not finite, and images that are all the same."""
    x = images.inputs
    bad = ~np.isfinite(x.reshape(len(x), -1))
    if bad.any():
        rows = int(bad.any(1).sum())
        yield Finding(
            "non-finite-input",
            "error",
            f"{split} images",
            f"{rows} of {len(x)} images checked contain{'s' if rows == 1 else ''} NaN or infinity.",
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
    elif len(images.digests) >= MIN_DIGESTS:
        same = Counter(images.digests).most_common(1)[0][1] / len(images.digests)
        if same > SAME:
            yield Finding(
                "constant-input",
                "error",
                f"{split} images",
                f"{same:.0%} of {len(images.digests):,} images checked are the same image, bit for bit.",
                numbers={"same": same},
            )


def class_name(number: int, names: Sequence[str]) -> str:
    """The name of a class, or its number if it has no name."""
    return names[number] if number < len(names) else str(number)


def check_classes(
    counts: np.ndarray,
    split: str,
    weighted: bool,
    limits: Doctor,
    weights: np.ndarray | None = None,
    names: Sequence[str] = (),
) -> Iterator[Finding]:
    """Find labels of a single class, and strong imbalance without class weights that compensate for it.

    Args:
        counts: how often each class occurs, (classes,).
        split: the name of the split.
        weighted: whether the loss has class weights.
        limits: the thresholds.
        weights: the mean weight of an image of each class, (classes,); None if unknown.
        names: the names of the classes; empty if unknown.
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
                f" In the loss, an image of this class has the weight {weights[top]:.3g}, but other images have "
                f"{others:.2g} on average: the class weights are upside down."
            )
    if (not weighted or heavier) and share > limits.frequent_class and share * len(counts) > 1.5:
        yield Finding(
            "class-imbalance",
            "warning",
            f"{split} labels",
            f"{share:.0%} of {total:,} labels are class {class_name(top, names)}, so always predicting it has an "
            f"accuracy of {share:.0%}.{heavier}",
            numbers={"share": float(share)},
        )


def check_scaling(train: np.ndarray, val: np.ndarray, same_images: bool, limits: Doctor) -> Iterator[Finding]:
    """Find inputs that are scaled differently in evaluation and in training.

    Args:
        train: inputs as in training, float32, (images, …, channels).
        val: inputs as in evaluation, float32, (other images, …, channels).
        same_images: whether both are the same images, so that only the scaling can differ.
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
    slack = 1.0 if same_images else 1.5  # two samples differ even with the same scaling
    if ratio > np.log(limits.scale_ratio) * slack or shift > limits.scale_shift * slack:
        worst = int(np.argmax(np.maximum(ratios / np.log(limits.scale_ratio), shifts / limits.scale_shift)))
        where = f"channel {worst} (counted from 0) has" if len(mean) > 1 else "the images have"
        yield Finding(
            "unscaled-evaluation",
            "error",
            "validation images",
            f"In evaluation, {where} mean {other_mean[worst]:.3g} and standard deviation {other_spread[worst]:.3g}, "
            f"but in training {mean[worst]:.3g} and {spread[worst]:.3g}. They should be nearly equal.",
            numbers={
                "train_mean": float(mean[worst]),
                "train_std": float(spread[worst]),
                "mean": float(other_mean[worst]),
                "std": float(other_spread[worst]),
            },
        )


def _moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean and standard deviation of each channel of images; of all values together for other inputs."""
    rows = x.reshape(-1, x.shape[-1]) if x.ndim == 4 and x.shape[-1] <= 4 else x.reshape(-1, 1)
    return rows.mean(0, dtype=np.float64), rows.std(0, dtype=np.float64)


def check_split(train: Images, val: Images, names: Sequence[str] = ()) -> Iterator[Finding]:
    """Find validation images of classes that the training split hardly has.

    Args:
        train: the training images.
        val: the validation images.
        names: the names of the classes; empty if unknown.
    """
    if train.counts is None or val.counts is None:
        return
    classes = max(len(train.counts), len(val.counts))
    trained, other = (np.pad(c, (0, classes - len(c))).astype(float) for c in (train.counts, val.counts))
    if min(trained.sum(), other.sum()) < MIN_VAL_IMAGES:
        return
    missing = trained / trained.sum() < 0.05 * other / other.sum()
    share = float(other[missing].sum() / other.sum())
    if share > 0.2:
        few = ", ".join(class_name(number, names) for number in np.flatnonzero(missing)[:5])
        yield Finding(
            "unshuffled-data",
            "error",
            "validation labels",
            f"{share:.0%} of the validation images belong to classes that hardly occur in training ({few}). The data "
            "set was probably sorted when it was split.",
            numbers={"share": share},
        )


def check_target_range(train: Images, val: Images) -> Iterator[Finding]:
    """Find validation targets that begin where the range of the training targets ends."""
    trained, other = train.amounts, val.amounts
    if trained is None or other is None or trained.shape[1:] != other.shape[1:]:
        return
    if len(trained) < MIN_TARGETS or len(other) < MIN_VAL_IMAGES:
        return
    if not (np.isfinite(trained).all() and trained.std(0).min() > 0):
        return
    least, most = trained.min(0), trained.max(0)
    beyond = ((other < least) | (other > most)).mean(0)
    column = int(beyond.argmax())
    gap = max(other[:, column].min() - most[column], least[column] - other[:, column].max(), 0.0)
    far = gap > MAX_GAP * (most - least)[column]  # these targets may only be scaled differently
    if beyond[column] > BEYOND and not far and other[:, column].std() < MAX_WIDER * trained[:, column].std():
        yield Finding(
            "unshuffled-data",
            "warning",
            "validation labels",
            f"{beyond[column]:.0%} of the validation targets are outside the range of the training targets, "
            f"{least[column]:.3g} to {most[column]:.3g}: they go from {other[:, column].min():.3g} to "
            f"{other[:, column].max():.3g}. The data set was probably sorted when it was split.",
            numbers={"share": float(beyond[column])},
            keras="shuffle inputs and targets together before splitting; for a forecast, keep the order and predict "
            "changes in place of levels.",
        )


def check_refitted(train: Images, val: Images) -> Iterator[Finding]:
    """Find columns of a table with exactly the same range in both splits, or exactly mean 0 and deviation 1."""
    trained, other = train.inputs, val.inputs
    if trained.ndim != 2 or other.ndim != 2 or min(len(trained), len(other)) < MIN_VAL_IMAGES:
        return
    if trained.shape[1] != other.shape[1] or not (np.isfinite(trained).all() and np.isfinite(other).all()):
        return
    many = [c for c in range(trained.shape[1]) if all(len(np.unique(x[:, c])) > len(x) / 2 for x in (trained, other))]
    if not many:
        return
    trained, other = trained[:, many].astype(np.float64), other[:, many].astype(np.float64)
    width = np.ptp(trained, axis=0)
    # If several rows have the lowest or highest value, the column was clipped there.
    single = all(((x == end).sum(0) == 1).all() for x in (trained, other) for end in (x.min(0), x.max(0)))
    ends = [np.abs(end(trained, axis=0) - end(other, axis=0)) < EXACT * width for end in (np.min, np.max)]
    same_range = len(many) > 1 and single and bool(np.all(ends))
    unit = bool((np.abs(other.mean(0)) < EXACT).all() and (np.abs(other.std(0) - 1) < EXACT).all())
    near = bool((np.abs(trained.mean(0)) < 0.2).all() and (np.abs(trained.std(0) - 1) < 0.2).all())
    if same_range or (unit and near):
        agreement = (
            f"exactly the same range in training and in validation, {trained[:, 0].min():.3g} to "
            f"{trained[:, 0].max():.3g} in column {many[0]}"
            if same_range
            else "exactly mean 0 and standard deviation 1 in validation"
        )
        yield Finding(
            "unscaled-evaluation",
            "warning",
            "validation images",
            f"{plural(len(many), 'column')} of continuous numbers "
            f"{'have' if len(many) > 1 else 'has'} {agreement}, which two samples hardly ever have. The "
            "scaler was probably fitted again on the validation rows.",
            numbers={"columns": len(many)},
            keras="scaler.fit_transform(x_train), then scaler.transform(x_val): fit the scaler on the training rows "
            "only.",
        )


def check_order(batches: Iterable[np.ndarray | None]) -> Iterator[Finding]:
    """Find batches that mostly contain one class each.

    Args:
        batches: the class numbers of each batch, (batch,); None if the labels are not classes.
    """
    classes = [batch for batch in batches if batch is not None and len(batch) > 3]
    if len(classes) < 3:
        return
    everything = np.concatenate(classes)
    tops = [np.bincount(batch - everything.min()).max() / len(batch) for batch in classes]
    top = float(np.bincount(everything - everything.min()).max() / len(everything))
    if float(np.mean(tops)) > 0.8 and top < 0.7:
        yield Finding(
            "unshuffled-data",
            "error",
            "training batches",
            f"In each of {len(classes)} batches, one class has {np.mean(tops):.0%} of the images (mean), but no class "
            f"has more than {top:.0%} of all images.",
            numbers={"share": float(np.mean(tops)), "overall": top},
        )


def check_labels(train: Images, val: Images | None) -> Iterator[Finding]:
    """Find labels that simple classifiers cannot predict from their images, and that may belong to other images.

    If no classifier is better than chance level on images held out of its fit, that is a suspicion (a note), because a
    network may learn what they cannot. It is proof (an error) if three things hold: classifiers fitted on validation
    images predict held-out validation labels, training images look like validation images, and these classifiers are at
    chance level on training images.
    """
    if train.pixels is None or train.pixel_labels is None:
        return
    features = _Features(train.pixels)
    labelled = _Labelled.of(features, train.pixels, train.pixel_labels)
    if labelled.chance > MAX_FREQUENCY or not labelled.enough:
        return
    if (FOLDS - 1) * len(labelled.labels) < FOLDS * MIN_CLASS_IMAGES * len(labelled.counts):
        return
    results = []
    for classifier in CLASSIFIERS:
        results.append(labelled.accuracy_of(classifier))
        if results[-1].above_luck:
            return
    proof = ""
    if val is not None and val.pixels is not None and val.pixel_labels is not None:
        val_labelled = _Labelled.of(features, val.pixels, val.pixel_labels)
        on_val = {classifier: val_labelled.accuracy_of(classifier) for classifier in CLASSIFIERS if val_labelled.enough}
        learned = [
            (one, val_labelled.accuracy_of(classifier, labelled))
            for classifier, one in on_val.items()
            if one.above_luck
        ]
        if any(on_train.above_luck for _, on_train in learned):
            return
        proof = _proof(labelled, val_labelled, learned)
    best = max(result.accuracy for result in results)
    yield Finding(
        "shuffled-labels",
        "error" if proof else "note",
        "training labels",
        f"Simple classifiers (linear, nearest neighbours, trees) have an accuracy of at most {best:.1%} on "
        f"{len(labelled.labels):,} training images that were held out of their fit; chance level is "
        f"{labelled.chance:.1%}. "
        + (
            proof
            or "On most image data sets they are better. A network may learn what they cannot, but if it does not, the "
            "labels may be mixed up."
        ),
        numbers={"accuracy": best, "chance": labelled.chance},
    )


def _proof(train: "_Labelled", val: "_Labelled", learned: "list[tuple[_Accuracy, _Accuracy]]") -> str:
    """A sentence that explains why the training labels are wrong; empty if that is not certain.

    Args:
        train: the training images, whose labels are in doubt.
        val: the validation images.
        learned: for each classifier that learns the validation labels, how well it predicts held-out validation images,
            and training images.
    """
    if not learned:
        return ""
    # With as many images of each split, a classifier that can tell the splits apart shows how far they differ.
    many = min(MAX_COMPARED, len(train.labels), len(val.labels))
    some = [one.features[np.random.default_rng(0).permutation(len(one.labels))[:many]] for one in (train, val)]
    both = _Labelled(np.concatenate(some), np.repeat([0, 1], many))
    alike = min(1.0, 2 - 2 * max(both.accuracy_of(classifier).accuracy for classifier in CLASSIFIERS))
    on_val, on_train = max(learned, key=lambda pair: pair[0].beyond)
    # If the training labels were correct, they would be predicted as well as the validation labels, except for the
    # number of images that look like validation images.
    if on_val.beyond * np.sqrt(len(train.labels) / len(val.labels)) * alike < 2 * LUCK:
        return ""
    return (
        f"Fitted on validation images, the best classifier has an accuracy of {on_val.accuracy:.0%} on other "
        f"validation images, but of {on_train.accuracy:.0%} on training images, although both splits look alike."
    )


class _Features:
    """Fixed features of images: small pixels, and the responses of filters that are patches of the images.

    Args:
        images: training images, (images, …), whose mean and spread scale all images.
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
        """The features of images, float32, (images, features)."""
        if self.filters is None or min(images.shape[1:3]) < PATCH:
            return images.reshape(len(images), -1).astype(np.float32)
        small = (_blocks(images) - self.mean) / self.spread
        windows = np.lib.stride_tricks.sliding_window_view(small, (PATCH, PATCH), (1, 2))
        n, height, width = windows.shape[:3]
        rows = windows.transpose(0, 1, 2, 4, 5, 3).reshape(n, height, width, -1)
        rows = rows - rows.mean(-1, keepdims=True)
        responses = rows @ self.filters.T.astype(np.float32)
        features = [small.reshape(n, -1)]
        for rectified in (np.maximum(responses, 0), np.maximum(-responses, 0)):
            half = (height + 1) // 2, (width + 1) // 2
            features += [
                rectified[:, y : y + half[0], x : x + half[1]].mean((1, 2))
                for y in (0, height - half[0])
                for x in (0, width - half[1])
            ]
        return np.concatenate(features, 1)


def _blocks(images: np.ndarray) -> np.ndarray:
    """Images reduced to at most `SIDE` pixels a side by averaging blocks, float32, (images, height, width, values)."""
    factor = max(1, -(-max(images.shape[1:3]) // SIDE))
    height, width = (axis // factor for axis in images.shape[1:3])
    if not height or not width:
        factor, (height, width) = 1, images.shape[1:3]
    cut = images[:, : height * factor, : width * factor].astype(np.float32)
    return np.asarray(cut.reshape(len(cut), height, factor, width, factor, -1).mean((2, 4)))


@dataclass(frozen=True)
class _Accuracy:
    """How well a classifier predicts images that it was not fitted on.

    Args:
        accuracy: the share of correct predictions.
        beyond: how far the scores of the correct classes lie above luck, in standard deviations.
    """

    accuracy: float
    beyond: float

    @property
    def above_luck(self) -> bool:
        """Whether luck alone does as well in fewer than 1 of 1,000 cases."""
        return self.beyond > LUCK


@dataclass(frozen=True)
class _Labelled:
    """Features of images without exact copies, with a class for each image.

    Args:
        features: the features, float32, (images, features).
        labels: the class number of each image, (images,).
    """

    features: np.ndarray
    labels: np.ndarray

    @classmethod
    def of(cls, features: "_Features", pixels: np.ndarray, labels: np.ndarray) -> "_Labelled":
        """Features and labels of images; of exact copies, only the first is used."""
        rows = np.sort(np.unique([hash(image.tobytes()) for image in pixels], return_index=True)[1])
        return cls(features(pixels[rows]), labels[rows])

    @property
    def enough(self) -> bool:
        """Whether there are enough images to fit and to test a classifier."""
        return len(self.labels) >= MIN_IMAGES

    @property
    def counts(self) -> np.ndarray:
        """How often each class occurs, (classes that occur,)."""
        return np.unique(self.labels, return_counts=True)[1]

    @property
    def chance(self) -> float:
        """The share of the most frequent class."""
        return float(self.counts.max() / len(self.labels))

    def accuracy_of(self, classifier: "Classifier", others: "_Labelled | None" = None) -> _Accuracy:
        """Fit a classifier on these images and test it on others; without `others`, test it on held-out images."""
        classes, fitted = np.unique(self.labels, return_inverse=True)
        tested = others or self
        scores = classifier(
            self.features, np.eye(len(classes), dtype=np.float32)[fitted], None if others is None else others.features
        )
        right = float((classes[scores.argmax(1)] == tested.labels).mean())
        known = np.isin(tested.labels, classes)
        return _Accuracy(right, _beyond_luck(scores[known], np.searchsorted(classes, tested.labels[known])))


def _beyond_luck(scores: np.ndarray, labels: np.ndarray) -> float:
    """How far the scores of the correct classes lie above those of shuffled labels, in standard deviations.

    Frequent classes gain nothing by being frequent. Hoeffding 1951, A combinatorial central limit theorem.

    Args:
        scores: the score of each class, (images, classes).
        labels: the column of the correct class in `scores`, (images,).
    """
    if len(labels) < 2:
        return 0.0
    counts = np.bincount(labels, minlength=scores.shape[1])
    scores = scores - (scores @ counts / len(labels))[:, None]
    scores = scores - scores.mean(0)
    deviation = np.sqrt(float((scores**2).sum(0) @ counts) / (len(labels) - 1))
    return float(scores[np.arange(len(labels)), labels].sum() / deviation) if deviation > 1e-6 else 0.0


# From the features and one-hot labels of images to scores, (images, classes): the scores of other images if their
# features are passed; otherwise the scores of the same images, each from a fit without it.
Classifier = Callable[[np.ndarray, np.ndarray, np.ndarray | None], np.ndarray]


def _linear(features: np.ndarray, targets: np.ndarray, others: np.ndarray | None) -> np.ndarray:
    """Ridge regression; without `others`, each fifth of the images is predicted from the other four."""
    if others is not None:
        fit, ask = np.split(np.arange(len(features) + len(others)), [len(features)])
        return _ridge(np.concatenate([features, others]), targets, fit, ask)
    order = np.random.default_rng(0).permutation(len(features))
    scores = np.empty_like(targets)
    for ask in np.array_split(order, FOLDS):
        scores[ask] = _ridge(features, targets, np.setdiff1d(order, ask), ask)
    return scores


def _neighbours(features: np.ndarray, targets: np.ndarray, others: np.ndarray | None) -> np.ndarray:
    """The mean of the one-hot labels of the nearest images."""
    x = features - features.mean(0)
    scale = x.std(0) + 1e-3 * x.std()  # features that hardly vary do not count
    x = x / np.where(scale > 0, scale, 1)
    y = x if others is None else (others - features.mean(0)) / np.where(scale > 0, scale, 1)
    distances = (x**2).sum(1) - 2 * y @ x.T
    if others is None:
        np.fill_diagonal(distances, np.inf)
    nearest = np.argpartition(distances, min(NEIGHBOURS, len(x) - 1), 1)[:, :NEIGHBOURS]
    return np.asarray(targets[nearest].mean(1))


def _trees(features: np.ndarray, targets: np.ndarray, others: np.ndarray | None) -> np.ndarray:
    """Randomised trees (Geurts et al. 2006); without `others`, each image is predicted by trees not fitted on it."""
    from sklearn.ensemble import ExtraTreesClassifier

    forest = ExtraTreesClassifier(TREES, min_samples_leaf=2, bootstrap=True, oob_score=others is None, random_state=0)
    forest.fit(features, targets.argmax(1))
    return np.asarray(forest.oob_decision_function_ if others is None else forest.predict_proba(others))


CLASSIFIERS: tuple[Classifier, ...] = (_linear, _neighbours, _trees)  # cheapest first


def _ridge(features: np.ndarray, targets: np.ndarray, fit: np.ndarray, ask: np.ndarray) -> np.ndarray:
    """Fit ridge regression on the rows `fit`, and predict the rows `ask`; scores, (asked, classes)."""
    x = (features - features[fit].mean(0)) / (features[fit].std(0) + 1e-3)
    x = np.tanh(x / 3)  # limits the effect of outliers
    centre = targets[fit].mean(0)
    kernel = x[fit] @ x[fit].T
    ridge = 0.05 * np.trace(kernel) / max(1, len(fit)) + 1e-3  # the constant is for images that are all the same
    weights = np.linalg.solve(kernel + ridge * np.eye(len(fit), dtype=np.float32), targets[fit] - centre)
    return np.asarray(x[ask] @ (x[fit].T @ weights) + centre)
