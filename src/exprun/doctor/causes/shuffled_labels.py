"""shuffled-labels: labels that belong to other images."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context
from exprun.doctor.instruments.classifiers import CLASSIFIERS, FOLDS, LUCK, Accuracy, Features, Labelled

CAUSE = Cause(
    id="shuffled-labels",
    why="Labels that do not belong to their examples can only be memorised.",
    source="Zhang et al. 2017, arXiv:1611.03530, section 2",
    phases=(Phase.DATA, Phase.STEP, Phase.EVALUATION),
    explains_symptoms=True,
    explains=("learning-rate-high",),
    is_refutable=True,
    keras="plot ten examples with their labels; read, sort and shuffle inputs and labels with the same index.",
)
MAX_FREQUENCY = 0.8  # share of a class above which a classifier can hardly be better than chance level
MIN_CLASS_IMAGES = 8  # images for each class, on average, on which a classifier is fitted
MAX_LABELS = 20  # of several labels, those that are looked at: the ones nearest to half of the images, which say most
MAX_COMPARED = 1000  # images of each split in the comparison of two splits
TWICE = 2  # evaluations in a row at chance level that confirm a suspicion


def check(context: Context) -> Iterator[Finding]:
    """Find labels that do not belong to their images."""
    match context.phase:
        case Phase.DATA:
            yield from _data(context)
        case Phase.STEP:
            yield from _step(context)
        case Phase.EVALUATION:
            yield from _evaluation(context)


def _data(context: Context) -> Iterator[Finding]:
    """Find labels that simple classifiers cannot predict from their images, and that may belong to other images.

    If no classifier is better than chance level on images held out of its fit, that is a suspicion (a note), because a
    network may learn what they cannot. It is proof (an error) if three things hold: classifiers fitted on validation
    images predict held-out validation labels, training images look like validation images, and these classifiers are at
    chance level on training images.
    """
    train, val = context.subject.train, context.subject.val
    if train.pixels is None or train.pixel_labels is None:
        return
    known, val_known = train.pixel_labels, None if val is None else val.pixel_labels
    if several := known.ndim > 1:
        nearest = np.argsort(np.abs(known.mean(axis=0) - 0.5), kind="stable")[:MAX_LABELS]
        known, val_known = known[:, nearest], None if val_known is None else val_known[:, nearest]
    features = Features(train.pixels)
    labelled = Labelled.of(features, train.pixels, known)
    # Of several labels, a rare one does not change how far the others are above luck.
    if not labelled.enough or (labelled.chance > MAX_FREQUENCY and not several):
        return
    if (FOLDS - 1) * len(labelled.labels) < FOLDS * MIN_CLASS_IMAGES * len(labelled.counts):
        return
    results = []
    for classifier in CLASSIFIERS:
        results.append(labelled.accuracy_of(classifier))
        if results[-1].above_luck:
            return
    proof = ""
    if val is not None and val.pixels is not None and val_known is not None:
        val_labelled = Labelled.of(features, val.pixels, val_known)
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
    yield context.finding(
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
        {"accuracy": best, "chance": labelled.chance},
    )


def _proof(train: Labelled, val: Labelled, learned: list[tuple[Accuracy, Accuracy]]) -> str:
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
    both = Labelled(np.concatenate(some), np.repeat([0, 1], many))
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


def _step(context: Context) -> Iterator[Finding]:
    """Confirm a suspicion about labels: the network stays at chance level, whatever its loss is."""
    if context.history.is_no_better_than_chance:
        yield from _confirmed(context)


def _evaluation(context: Context) -> Iterator[Finding]:
    """Confirm a suspicion about labels: training learns, but validation stays at chance level."""
    history = context.history
    if history.suspicion is None or history.chance is None:
        return
    last, level = history.evaluations[-1], history.chance
    at_chance = last.accuracy <= 1.25 * level.accuracy + 0.02  # few images may be lucky
    if np.isnan(level.accuracy):
        at_chance = last.loss > level.loss
    if context.streak("memorised", at_chance and history.training_learns) >= TWICE and context.lag is None:
        yield from _confirmed(context)


def _confirmed(context: Context) -> Iterator[Finding]:
    if context.history.suspicion is not None:
        yield replace(context.history.suspicion, severity="warning", step=context.step)
