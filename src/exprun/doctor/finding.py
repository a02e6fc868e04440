"""A finding of the doctor, the causes that the doctor recognises, and which of them explain which."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from exprun.files import write_whole

Severity = Literal["note", "warning", "error"]
SEVERITIES: tuple[Severity, ...] = ("note", "warning", "error")


@dataclass(frozen=True)
class Cause:
    """A reason why a network does not learn, or learns less than it could.

    Args:
        why: why the cause matters, in one sentence.
        source: the publication or documentation that supports `why`.
        keras: what to change in a Keras script, unless a finding has a remedy of its own.
        explains: the causes that are only symptoms when this cause is found; `*` stands for all of `SYMPTOMS`.
        code: whether only a change of code or data removes the cause, so that overrides can only compensate for it.
    """

    why: str
    source: str
    keras: str
    explains: tuple[str, ...] = ()
    code: bool = False


@dataclass(frozen=True)
class Finding:
    """A cause that was found, with its evidence.

    Args:
        cause: the identifier of the cause, a key of `CAUSES`.
        severity: `note` (worth knowing), `warning` (likely to hurt) or `error` (cannot learn as meant).
        where: the layer, split or setting that the finding is about.
        evidence: the numbers that show the cause, in one sentence.
        step: the step of the optimiser at which the cause was found; None before training.
        numbers: the numbers of the evidence, by name.
        keras: what to change in a Keras script; empty if the remedy of the cause fits this evidence.
        overrides: overrides of exprun to try, each on its own; filled in if there is a config.
        remedies: the entries of `remedies.REMEDIES` that fit this evidence; None for all entries of the cause.
        withdrawn: whether the finding withdraws an earlier one of the same cause, for the reason in `evidence`.
    """

    cause: str
    severity: Severity
    where: str
    evidence: str
    step: int | None = None
    numbers: dict[str, float] = field(default_factory=dict)
    keras: str = ""
    overrides: tuple[str, ...] = ()
    remedies: tuple[str, ...] | None = None
    withdrawn: bool = False

    @property
    def is_suspicion(self) -> bool:
        """Whether the only evidence is that nothing was learned, which any error explains as well."""
        return self.cause == "shuffled-labels" and self.severity == "warning"

    def __str__(self) -> str:
        """The finding as one paragraph."""
        cause = CAUSES[self.cause]
        at = "" if self.step is None else f" at step {self.step}"
        if self.withdrawn:
            return f"[{self.cause}] withdrawn{at}, {self.where}: {self.evidence}"
        overrides = ("one of: " if len(self.overrides) > 1 else "") + "; ".join(self.overrides)
        remedy = f"Try: {self.keras or cause.keras}"
        if self.overrides and cause.code:
            remedy += f" If you cannot change the code, try {overrides}."
        elif self.overrides:
            remedy = f"Try {overrides}."
        return f"[{self.cause}] {self.severity}{at}, {self.where}: {self.evidence} {cause.why} {remedy}"


SYMPTOMS = (
    "large-first-loss",
    "cannot-overfit",
    "input-independent",
    "vanishing-gradient",
    "exploding-gradient",
    "dead-relu",
    "collapsed-predictions",
    "loss-at-chance",
    "oscillating-loss",
    "slow-learning",
    "plateau",
    "not-finite",
    "no-generalization",
    "overfitting",
)

# Ordered from causes to symptoms; findings are reported in this order.
CAUSES = {
    "non-finite-input": Cause(
        "A single NaN or infinite value makes the loss NaN, and then every weight.",
        "IEEE 754",
        "check np.isfinite(x).all() after loading and after each preprocessing step; remove images that are already "
        "broken when they are loaded; in a preprocessing step, look for the log of 0 or a division by 0, for example "
        "by the standard deviation of a blank image (write x / (x.std() + 1e-7)).",
        ("*", "learning-rate-high", "shuffled-labels"),
    ),
    "constant-input": Cause(
        "Inputs that are the same in all images cannot tell classes apart.",
        "Humbatova et al. 2020, arXiv:1910.11015, training data",
        "print x.min() and x.max(), and plot a few images just before fit.",
        ("*", "shuffled-labels", "vanishing-signal", "leaked-validation", "leaked-test"),
    ),
    "label-encoding": Cause(
        "A sparse loss needs each label as a class number, such as 3; any other loss over classes needs it as a "
        "one-hot row, such as [0, 0, 0, 1].",
        "Humbatova et al. 2020, arXiv:1910.11015, training data",
        "loss='sparse_categorical_crossentropy' for class numbers, loss='categorical_crossentropy' for one-hot rows; "
        "keras.utils.to_categorical(y) turns class numbers into one-hot rows, and y.argmax(-1) turns rows into "
        "numbers.",
        ("*", "wrong-loss", "output-units", "shuffled-labels"),
    ),
    "label-out-of-range": Cause(
        "If the network has no output for a label, the loss is wrong or NaN, or raises an error.",
        "TensorFlow, sparse_softmax_cross_entropy_with_logits",
        "number the classes 0, 1, 2, … in the same way in training and validation: y = "
        "np.searchsorted(np.unique(y_train), y).",
        ("*", "output-units"),
    ),
    "single-class": Cause(
        "If all labels are the same class, predicting this class for every image is always correct, so the network "
        "learns nothing from the images.",
        "Humbatova et al. 2020, arXiv:1910.11015, training data",
        "print np.unique(y, return_counts=True) after loading and after splitting; if a data set is sorted by class, "
        "shuffle it before you split it or read a part of it.",
        ("*", "class-imbalance", "shuffled-labels", "unshuffled-data"),
    ),
    "unshuffled-data": Cause(
        "If images are sorted by class, each batch pulls the weights towards one class, and a split lacks classes.",
        "LeCun et al. 1998, Efficient BackProp, section 4.2",
        "shuffle images and labels together before splitting (validation_split takes the last rows without "
        "shuffling); with tf.data, call dataset.shuffle(number of images) before batch.",
        ("*", "learning-rate-high", "lagging-batch-norm"),
    ),
    "shuffled-labels": Cause(
        "Labels that do not belong to their images can only be memorised.",
        "Zhang et al. 2017, arXiv:1611.03530, section 2",
        "plot ten images with their labels; read, sort and shuffle images and labels with the same index.",
        ("*", "learning-rate-high"),
    ),
    "leaked-validation": Cause(
        "The validation accuracy is then too high, because it measures memorisation.",
        "Kapoor & Narayanan 2023, doi:10.1016/j.patter.2023.100804",
        "first remove duplicates, then split, then augment.",
    ),
    "leaked-test": Cause(
        "The test accuracy is then too high, because it measures memorisation.",
        "Barz & Denzler 2020, arXiv:1902.00423",
        "first remove duplicates, then split, then augment.",
    ),
    "class-imbalance": Cause(
        "A network that predicts the most frequent class for every image already has a high accuracy, and rare classes "
        "hardly affect the loss.",
        "Buda et al. 2018, arXiv:1710.05381",
        "pass class weights to fit: class_weight={c: len(y) / (classes * (y == c).sum()) for c in range(classes)}, "
        "where y holds the class numbers; judge the network by the recall of each class, not by its accuracy.",
        ("collapsed-predictions",),
    ),
    "unscaled-evaluation": Cause(
        "A network only works on inputs that are scaled like those it was trained on.",
        "Humbatova et al. 2020, arXiv:1910.11015, preprocessing",
        "apply the same function to validation and test images, or move the scaling from the training data into the "
        "model.",
        ("*", "lagging-batch-norm"),
        code=True,
    ),
    "bypassed-layers": Cause(
        "A layer whose output is not used does nothing and is not trained.",
        "Nikanjam et al. 2021, NeuraLint",
        "assign the output, x = layer(x), and pass x to the next layer.",
        ("unscaled-input", "large-first-loss", "untrained-variables"),
        code=True,
    ),
    "reloaded-model": Cause(
        "A saved model has only the layers between input and output, so the doctor cannot know whether others were "
        "dropped.",
        "Keras guides, The Functional API",
        "look at the code that built the model: the output of each layer has to be passed to the next layer.",
    ),
    "mixed-examples": Cause(
        "The output for an image must not depend on the other images in its batch.",
        "Karpathy 2019, A Recipe for Training Neural Networks",
        "find the operation that works across axis 0, the batch, and apply it within each image. It may be attention "
        "(q @ k.T needs the shape (batch, positions, channels), before pooling), a reshape, a transpose, a mean or "
        "softmax over axis 0, or BatchNormalization called with training=True.",
        ("*", "shuffled-labels", "softmax-twice", "output-activation", "missing-softmax"),
    ),
    "output-units": Cause(
        "The last layer needs one unit for each class or for each number to predict; for two classes, one sigmoid "
        "unit is enough.",
        "Nikanjam et al. 2021, NeuraLint",
        "end the network in Dense(classes, activation='softmax') with a (sparse) categorical cross-entropy (no "
        "activation if the loss has from_logits=True), in Dense(1, activation='sigmoid') with binary_crossentropy, "
        "or, to predict n numbers, in Dense(n) with mse.",
        ("*", "output-activation", "wrong-loss"),
    ),
    "softmax-twice": Cause(
        "A second softmax or sigmoid squashes the probabilities towards each other, so the network can never be "
        "confident.",
        "Schoop et al. 2021, UMLAUT",
        "keep one of the two: either no activation in the last layer and from_logits=True, or the activation "
        "(softmax, or sigmoid with a binary cross-entropy) and from_logits=False.",
        ("*", "learning-rate-low", "vanishing-signal"),
    ),
    "missing-softmax": Cause(
        "The loss takes the logarithm of probabilities: values outside 0 to 1 are clipped and get no gradient.",
        "Schoop et al. 2021, UMLAUT",
        "set from_logits=True in your loss, for example "
        "loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), or end the model in softmax (in sigmoid "
        "with a binary cross-entropy).",
        ("*", "learning-rate-low"),
    ),
    "output-activation": Cause(
        "The last activation limits which values the network can predict.",
        "Nikanjam et al. 2021, NeuraLint",
        "no activation if the loss has from_logits=True or if the network predicts numbers; otherwise softmax for one "
        "of many classes, sigmoid for yes or no.",
        ("*", "vanishing-signal"),
    ),
    "wrong-loss": Cause(
        "The loss decides what is learned, so it has to fit the meaning of the labels.",
        "Humbatova et al. 2020, arXiv:1910.11015, loss function",
        "for one of many classes, a (sparse) categorical cross-entropy and softmax; for several labels at once, or "
        "yes or no, binary_crossentropy and sigmoid; for numbers, mse or mae and no activation.",
        ("*", "learning-rate-high", "exploding-signal"),
    ),
    "missing-nonlinearity": Cause(
        "Without activations between them, several layers can do no more than one.",
        "Goodfellow et al. 2016, Deep Learning, section 6.1",
        "give hidden layers activation='relu'.",
        ("overfitting",),
    ),
    "not-recompiled": Cause(
        "The training step is built for the variables that are trainable at that time: if you change layer.trainable "
        "later, the step still updates the same variables.",
        "Keras guides, Transfer learning & fine-tuning",
        "call model.compile(…) again after each change of layer.trainable; do not change layer.trainable during a fit, "
        "but call fit once for each stage.",
        (
            "frozen-layers",
            "untrained-variables",
            "learning-rate-low",
            "input-independent",
            "collapsed-predictions",
            "loss-at-chance",
            "slow-learning",
            "plateau",
            "no-generalization",
            "overfitting",
        ),
    ),
    "frozen-layers": Cause(
        "Layers that keep their random initial weights pass on noise.",
        "Humbatova et al. 2020, arXiv:1910.11015, model",
        "set layer.trainable = True and compile again, or load trained weights.",
        ("untrained-variables", "loss-at-chance", "no-generalization", "overfitting"),
    ),
    "untrained-variables": Cause(
        "A variable that is never updated keeps its random initial value.",
        "Nikanjam et al. 2021, NeuraLint",
        "remove argmax, round, integer casts and stop_gradient between the layer that the finding names and the loss.",
        ("loss-at-chance", "no-generalization", "overfitting"),
    ),
    "collapsed-features": Cause(
        "Information that is lost in a narrow layer cannot be recovered after it.",
        "Szegedy et al. 2016, arXiv:1512.00567, section 2",
        "pool less, start with larger images, or widen the narrow layer.",
        ("*",),
    ),
    "shrinking-filters": Cause(
        "Where maps become smaller, networks usually double their filters so that less information is lost.",
        "He et al. 2016, arXiv:1512.03385, section 3.3",
        "give each layer at least as many filters as the layer before it, for example 64, 128, 256.",
    ),
    "excessive-dropout": Cause(
        "So few units remain in each step that noise drowns out their signal.",
        "Srivastava et al. 2014, JMLR 15, section A.4: 0.2 to 0.5 for hidden units",
        "Dropout(0.5) or less; the number is the share of units that are dropped, not kept.",
        ("*",),
    ),
    "dropout-before-norm": Cause(
        "Dropout changes the variance of the next layer's inputs in training only, so the moving averages of a batch "
        "norm after dropout do not match its inputs in evaluation.",
        "Li et al. 2018, arXiv:1801.05134",
        "move dropout after the last batch norm.",
    ),
    "small-batch-norm": Cause(
        "The mean and variance of so few images are mostly noise.",
        "Wu & He 2018, arXiv:1803.08494, figure 1",
        "use larger batches, or GroupNormalization.",
        ("*", "learning-rate-low", "learning-rate-high", "lagging-batch-norm", "shuffled-labels"),
    ),
    "symmetric-init": Cause(
        "Weights that start equal get equal gradients, or none at all, and stay equal.",
        "Goodfellow et al. 2016, Deep Learning, section 8.4",
        "leave kernel_initializer at its default, or use he_normal.",
        ("*", "vanishing-signal", "untrained-variables"),
    ),
    "exploding-signal": Cause(
        "Outputs of this size make the loss and its gradient so large that the first steps ruin the weights.",
        "He et al. 2015, arXiv:1502.01852, section 2.2",
        "kernel_initializer='he_normal' in all layers with ReLU, and inputs scaled to values near 1.",
        ("*", "learning-rate-high", "unscaled-input"),
    ),
    "vanishing-signal": Cause(
        "If the differences between images fade on the way, all images look alike to the last layer.",
        "He et al. 2015, arXiv:1502.01852, section 2.2; Ioffe & Szegedy 2015, arXiv:1502.03167",
        "BatchNormalization after each convolution, or kernel_initializer='he_normal' with ReLU.",
        ("*", "learning-rate-low"),
    ),
    "strong-augmentation": Cause(
        "The network trains on images that are unlike the real ones.",
        "Shorten & Khoshgoftaar 2019, doi:10.1186/s40537-019-0197-0",
        "plot augmented images; after Rescaling(1 / 255), RandomBrightness and RandomContrast need value_range=(0, 1).",
        ("*", "unscaled-input", "lagging-batch-norm"),
    ),
    "unscaled-input": Cause(
        "Learning rates and initialisers are made for inputs near 1: larger inputs make steps overshoot or units "
        "saturate, and smaller ones count for little compared with the biases.",
        "LeCun et al. 1998, Efficient BackProp, section 4.3",
        "layers.Rescaling(1 / 255) as the first layer, or Normalization adapted to the training images.",
        ("*", "learning-rate-high"),
    ),
    "strong-regularization": Cause(
        "The penalty outweighs the data and pulls the weights to zero.",
        "Goodfellow et al. 2016, Deep Learning, section 7.1",
        "kernel_regularizer=regularizers.L2(1e-4) in the layers, or none.",
        ("*",),
    ),
    "learning-rate-high": Cause(
        "If the learning rate is too high, steps overshoot and the loss rises instead of falling.",
        "Bengio 2012, arXiv:1206.5533, section 3.1.1",
        "divide the learning rate by 10 until the loss falls; usual first values are 0.001 for Adam and 0.01 for SGD.",
        ("*",),
    ),
    "learning-rate-low": Cause(
        "At this learning rate the weights hardly move from their initial values.",
        "Bengio 2012, arXiv:1206.5533, section 3.1.1",
        "multiply the learning rate by 10 as long as the loss still falls; usual first values are 0.001 for Adam and "
        "0.01 for SGD.",
        ("loss-at-chance", "no-generalization", "collapsed-predictions", "vanishing-gradient", "slow-learning"),
    ),
    "learning-rate-decay": Cause(
        "Most of the run then has a learning rate that is too low to learn with.",
        "Bengio 2012, arXiv:1206.5533, section 3.1.1",
        "decay_steps = epochs * steps per epoch: Keras counts steps, not epochs.",
        (
            "learning-rate-low",
            "loss-at-chance",
            "no-generalization",
            "collapsed-predictions",
            "slow-learning",
            "plateau",
        ),
    ),
    "lagging-batch-norm": Cause(
        "In evaluation, batch norm uses moving averages, and these are far from the mean and variance of the training "
        "batches.",
        "Ioffe & Szegedy 2015, arXiv:1502.03167, section 3.1",
        "BatchNormalization(momentum=0.9), or more steps.",
        ("no-generalization", "overfitting"),
    ),
    "large-first-loss": Cause(
        "An untrained network should give all classes about the same probability.",
        "Karpathy 2019, A Recipe for Training Neural Networks",
        "scale the inputs, and give the last layer small initial weights.",
    ),
    "cannot-overfit": Cause(
        "A network that cannot memorise a few images cannot learn many.",
        "Karpathy 2019, A Recipe for Training Neural Networks",
        "start from a small network that can memorise them, and add layers one at a time until it fails.",
        ("loss-at-chance", "collapsed-predictions", "input-independent", "no-generalization"),
    ),
    "exploding-gradient": Cause(
        "A gradient that grows at each step of a sequence can ruin the weights in a single update.",
        "Pascanu et al. 2013, arXiv:1211.5063, section 3.2",
        "set clipnorm=1.0 in your optimiser, or replace SimpleRNN with LSTM or GRU.",
        (
            "not-finite",
            "loss-at-chance",
            "collapsed-predictions",
            "input-independent",
            "no-generalization",
            "learning-rate-low",  # the weights of units that such an update has killed do not change
            "slow-learning",
        ),
    ),
    "not-finite": Cause(
        "NaN spreads to all weights, and nothing more is learned.",
        "Zhang et al. 2021, AutoTrainer, section 3",
        "look for log, division, sqrt and norms in your own losses and layers (at 0, sqrt has the value 0 but an "
        "infinite gradient: write sqrt(x + 1e-7)); if there are none, divide the learning rate by 10.",
        ("dead-relu", "loss-at-chance", "collapsed-predictions", "input-independent", "no-generalization"),
    ),
    "dead-relu": Cause(
        "A unit that is zero for every image gets no gradient and rarely recovers.",
        "Zhang et al. 2021, AutoTrainer, section 3",
        "lower the learning rate, scale the inputs, use kernel_initializer='he_normal', or activation='leaky_relu'.",
        ("input-independent", "collapsed-predictions", "loss-at-chance", "vanishing-gradient", "no-generalization"),
    ),
    "vanishing-gradient": Cause(
        "With such a small gradient, the first layers hardly change.",
        "Glorot & Bengio 2010, section 4",
        "replace sigmoid or tanh with ReLU, use kernel_initializer='he_normal', or add BatchNormalization.",
        ("loss-at-chance", "no-generalization", "collapsed-predictions"),
    ),
    "input-independent": Cause(
        "The network ignores the image.",
        "Karpathy 2019, A Recipe for Training Neural Networks",
        "train on 10 images only; if the network cannot memorise them, lower the learning rate, scale the inputs, or "
        "use he_normal.",
        ("collapsed-predictions", "loss-at-chance", "no-generalization"),
    ),
    "collapsed-predictions": Cause(
        "The network predicts the same class for every image.",
        "Karpathy 2019, A Recipe for Training Neural Networks",
        "lower the learning rate; check the labels and the initialisation.",
        ("loss-at-chance", "no-generalization"),
    ),
    "loss-at-chance": Cause(
        "The network does no better than chance level, as if it did not see the images.",
        "Karpathy 2019, A Recipe for Training Neural Networks",
        "change one thing at a time: the learning rate (10 times higher, 10 times lower), scaled inputs, "
        "BatchNormalization, he_normal.",
        ("no-generalization",),
    ),
    "oscillating-loss": Cause(
        "The learning rate is too high for this loss: steps overshoot the minimum, so the loss rises and falls "
        "in turn.",
        "Zhang et al. 2021, AutoTrainer, section 3",
        "divide the learning rate by 10, or use larger batches.",
        ("plateau", "no-generalization"),
    ),
    "slow-learning": Cause(
        "At this pace the run ends long before the network has learned what it could.",
        "Zhang et al. 2021, AutoTrainer, section 3",
        "multiply the learning rate by 10, scale the inputs, or add BatchNormalization; or train for longer.",
        ("no-generalization",),
    ),
    "no-generalization": Cause(
        "What the network learned in training does not work on the validation images.",
        "Zhang et al. 2017, arXiv:1611.03530",
        "compare the labels, the scaling and the origin of both splits; if they agree, augment the training images.",
        ("overfitting",),
    ),
    "overfitting": Cause(
        "The network memorises its training images.",
        "Goodfellow et al. 2016, Deep Learning, section 7.8",
        "stop earlier, augment, or add dropout and weight decay.",
    ),
    "plateau": Cause(
        "More epochs like the last ones will not lower the loss.",
        "Bengio 2012, arXiv:1206.5533, section 3.1.1",
        "ReduceLROnPlateau, or a cosine decay over all steps; if the learning rate is already low, a slower decay or "
        "a larger network.",
    ),
    "slow-input": Cause(
        "The device that trains is idle while it waits for images.",
        "TensorFlow, Better performance with the tf.data API",
        "dataset.cache() after decoding, map(…, num_parallel_calls=tf.data.AUTOTUNE), prefetch(tf.data.AUTOTUNE).",
    ),
}
_RANK = {cause: number for number, cause in enumerate(CAUSES)}


def explained_by(cause: str) -> frozenset[str]:
    """The causes that are only symptoms when `cause` is found."""
    names = CAUSES[cause].explains
    return frozenset([*names, *SYMPTOMS] if "*" in names else names) - {cause}


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """The findings without those that are only symptoms of others.

    Errors and warnings come before notes; within both, the order is that of `CAUSES`.
    """
    findings = list(findings)
    explaining = {f.cause for f in findings if f.severity != "note"}
    symptoms = frozenset().union(*(explained_by(cause) for cause in explaining))
    errors = {f.cause for f in findings if f.severity == "error"} - symptoms
    kept = [f for f in findings if f.cause not in symptoms and not (f.is_suspicion and errors)]
    return sorted(kept, key=lambda f: (f.severity == "note", _RANK[f.cause]))


class Diagnosis:
    """The findings of a run, at most one for each cause, without those that were withdrawn.

    Args:
        silence: the causes that are not reported.
    """

    def __init__(self, silence: Iterable[str] = ()) -> None:
        self.silence = frozenset(silence)
        self._found: dict[str, Finding] = {}

    @property
    def findings(self) -> list[Finding]:
        """All findings except those that are only symptoms of other findings, in the order of `ordered`."""
        return ordered(self._found.values())

    def add(self, findings: Iterable[Finding]) -> list[Finding]:
        """Add findings; returns those that are new and not symptoms of others, in the order of `ordered`.

        A finding is new if its cause was not found before, or was found with a lower severity. A withdrawal is new if
        the finding that it withdraws was reported by an earlier call.
        """
        news: list[Finding] = []
        withdrawn: list[Finding] = []
        for finding in findings:
            if finding.withdrawn:
                earlier = self._found.pop(finding.cause, None)
                withdrawn += [] if earlier is None or earlier in news else [finding]
                continue
            earlier = self._found.get(finding.cause)
            is_new = earlier is None or SEVERITIES.index(finding.severity) > SEVERITIES.index(earlier.severity)
            if finding.cause not in self.silence and is_new:
                self._found[finding.cause] = finding
                news.append(finding)
        return withdrawn + [finding for finding in self.findings if finding in news]


def verdict(findings: Iterable[Finding]) -> str:
    """All findings as text for the terminal, one paragraph each."""
    paragraphs = [f"doctor: {finding}" for finding in findings]
    return "\n".join(paragraphs) if paragraphs else "doctor: found nothing that would keep the network from learning."


def write_findings(path: Path, findings: Iterable[Finding]) -> None:
    """Write findings as JSON, each with the reason why it matters and its source."""
    rows = [
        asdict(f) | {"why": CAUSES[f.cause].why, "source": CAUSES[f.cause].source, "text": str(f)} for f in findings
    ]
    write_whole(path, json.dumps(rows, indent=1, ensure_ascii=False))
