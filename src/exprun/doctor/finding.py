"""What the doctor says: a finding, the causes that it knows, and which of them explain which."""

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
        why: it matters, in one sentence.
        source: of that sentence.
        keras: what to change in a Keras script, unless a finding says it of its own evidence.
        explains: causes that are then mere symptoms; `*` stands for all of `SYMPTOMS`.
        code: whether only a change of code or data removes it, so that overrides do no more than help to live with it.
    """

    why: str
    source: str
    keras: str
    explains: tuple[str, ...] = ()
    code: bool = False


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Args:
        cause: its identifier in `CAUSES`.
        severity: `note` (worth knowing), `warning` (likely to hurt) or `error` (cannot learn as meant).
        where: the layer, split or setting.
        evidence: the numbers that give it away, in one sentence.
        step: of the optimiser; None before training.
        numbers: the same numbers by name.
        keras: what to change in a Keras script where this evidence asks for something other than the cause does.
        overrides: of exprun to try, each by itself; filled in where there is a config.
        remedies: those of `remedies.REMEDIES` that fit this evidence; None for all of the cause.
        withdrawn: whether it takes back what was said of this cause, for the reason in `evidence`.
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
        """Whether it rests on nothing being learned alone, which any error explains as well."""
        return self.cause == "shuffled-labels" and self.severity == "warning"

    def __str__(self) -> str:
        """The paragraph that a person reads."""
        cause = CAUSES[self.cause]
        at = "" if self.step is None else f" at step {self.step}"
        if self.withdrawn:
            return f"[{self.cause}] withdrawn{at}, {self.where}: {self.evidence}"
        tried, listed, several = self.keras or cause.keras, "; ".join(self.overrides), len(self.overrides) > 1
        if listed and cause.code:
            tried += f" What may make up for it where the code has to stay{', one at a time' * several}: {listed}."
        elif listed:
            tried = f"{'one at a time: ' * several}{listed}."
        return f"[{self.cause}] {self.severity}{at}, {self.where}: {self.evidence} {cause.why} Try: {tried}"


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

# In the order of the chain of causes: what comes first explains what comes later.
CAUSES = {
    "non-finite-input": Cause(
        "One such value turns the loss, and then every weight, into NaN.",
        "IEEE 754",
        "test np.isfinite(x).all() after loading and after each step of preparation; leave out what is broken when "
        "loaded; in a step, look for a log of 0 or a division by 0, as by the deviation of a blank image: "
        "x / (x.std() + 1e-7).",
        ("*", "learning-rate-high", "shuffled-labels"),
    ),
    "constant-input": Cause(
        "What is the same in all images cannot tell classes apart.",
        "Humbatova et al. 2020, arXiv:1910.11015, training data",
        "print x.min() and x.max(), and plot a few images just before fit.",
        ("*", "shuffled-labels", "vanishing-signal", "leaked-validation", "leaked-test"),
    ),
    "label-encoding": Cause(
        "Sparse losses take class numbers (3); other losses for classes take one-hot rows (0, 0, 0, 1).",
        "Humbatova et al. 2020, arXiv:1910.11015, training data",
        "loss='sparse_categorical_crossentropy' for class numbers, loss='categorical_crossentropy' for one-hot rows; "
        "keras.utils.to_categorical(y) makes rows of numbers, y.argmax(-1) numbers of rows.",
        ("*", "wrong-loss", "output-units", "shuffled-labels"),
    ),
    "label-out-of-range": Cause(
        "For a label that no output stands for, the loss has nothing to compare: it is wrong, NaN or an error.",
        "TensorFlow, sparse_softmax_cross_entropy_with_logits",
        "number the classes 0, 1, 2, … in training and validation alike: y = np.searchsorted(np.unique(y_train), y).",
        ("*", "output-units"),
    ),
    "single-class": Cause(
        "Where all labels are one class, always answering it is perfect, and nothing is learned.",
        "Humbatova et al. 2020, arXiv:1910.11015, training data",
        "print np.unique(y, return_counts=True) after loading and after splitting; shuffle a set that is sorted by "
        "class before it is split or read in part.",
        ("*", "class-imbalance", "shuffled-labels", "unshuffled-data"),
    ),
    "unshuffled-data": Cause(
        "In images sorted by class, each batch pulls the weights to one class, and a split leaves classes out.",
        "LeCun et al. 1998, Efficient BackProp, section 4.2",
        "shuffle images and labels together before splitting (validation_split takes the last rows, unshuffled); "
        "with tf.data, dataset.shuffle(number of images) before batch.",
        ("*", "learning-rate-high", "lagging-batch-norm"),
    ),
    "shuffled-labels": Cause(
        "Labels that do not belong to their images can only be memorised.",
        "Zhang et al. 2017, arXiv:1611.03530, section 2",
        "plot ten images with their labels; read, sort and shuffle both with the same index.",
        ("*", "learning-rate-high"),
    ),
    "leaked-validation": Cause(
        "The validation score is then too good: it measures memory.",
        "Kapoor & Narayanan 2023, doi:10.1016/j.patter.2023.100804",
        "remove duplicates, then split, then augment.",
    ),
    "leaked-test": Cause(
        "The test score is then too good: it measures memory.",
        "Barz & Denzler 2020, arXiv:1902.00423",
        "remove duplicates, then split, then augment.",
    ),
    "class-imbalance": Cause(
        "The network can get this score without looking at its inputs, and rare classes count little.",
        "Buda et al. 2018, arXiv:1710.05381",
        "fit(class_weight=…) with the weight examples / (classes * examples of the class) for each class; judge by "
        "the recall of each class, not by accuracy.",
        ("collapsed-predictions",),
    ),
    "unscaled-evaluation": Cause(
        "A network only works on inputs scaled like those it was trained on.",
        "Humbatova et al. 2020, arXiv:1910.11015, preprocessing",
        "apply the same function to validation and test images, or move the scaling from the training data into the "
        "model.",
        ("*", "lagging-batch-norm"),
        code=True,
    ),
    "bypassed-layers": Cause(
        "A layer whose result is not used does nothing and is not trained.",
        "Nikanjam et al. 2021, NeuraLint",
        "assign the result, x = layer(x), and give x to the next layer.",
        ("unscaled-input", "large-first-loss", "untrained-variables"),
        code=True,
    ),
    "reloaded-model": Cause(
        "A file holds only the layers on the way from input to output: whether others were dropped cannot be known.",
        "Keras guides, The Functional API",
        "look at the code that built it: each layer's result has to be given to the next.",
    ),
    "mixed-examples": Cause(
        "An image's output must not depend on which other images are in its batch.",
        "Karpathy 2019, A Recipe for Training Neural Networks",
        "find the operation that works across axis 0, the batch, and keep it within an image: attention as q @ k.T "
        "needs (batch, positions, channels), not pooled; else a reshape, a transpose, a mean or softmax over axis 0, "
        "or BatchNormalization called with training=True.",
        ("*", "shuffled-labels", "softmax-twice", "output-activation", "missing-softmax"),
    ),
    "output-units": Cause(
        "The last layer needs one unit for each class, or for each number to predict; one sigmoid unit is enough "
        "for two classes.",
        "Nikanjam et al. 2021, NeuraLint",
        "end in Dense(classes, activation='softmax') with a (sparse) categorical cross-entropy (no activation where it "
        "has from_logits=True), in Dense(1, activation='sigmoid') with binary_crossentropy, or in Dense(n) with mse "
        "for n numbers.",
        ("*", "output-activation", "wrong-loss"),
    ),
    "softmax-twice": Cause(
        "Softmax or sigmoid applied twice pulls all probabilities together: no answer can be sure.",
        "Schoop et al. 2021, UMLAUT",
        "keep one: no activation at the end and from_logits=True, or the activation (softmax; sigmoid with a binary "
        "cross-entropy) and from_logits=False.",
        ("*", "learning-rate-low", "vanishing-signal"),
    ),
    "missing-softmax": Cause(
        "The loss takes a logarithm: values outside 0 to 1 are clipped and get no gradient.",
        "Schoop et al. 2021, UMLAUT",
        "loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True) or its like for your loss, or end the "
        "model in softmax (in sigmoid with a binary cross-entropy).",
        ("*", "learning-rate-low"),
    ),
    "output-activation": Cause(
        "The last activation decides which answers the network can give at all.",
        "Nikanjam et al. 2021, NeuraLint",
        "no activation with from_logits=True or for numbers; else softmax for one of many classes, sigmoid for "
        "yes or no.",
        ("*", "vanishing-signal"),
    ),
    "wrong-loss": Cause(
        "The loss decides what is learned, so it has to fit what the labels mean.",
        "Humbatova et al. 2020, arXiv:1910.11015, loss function",
        "one of many classes: (sparse) categorical cross-entropy and softmax; several at once, or yes or no: "
        "binary_crossentropy and sigmoid; numbers: mse or mae and no activation.",
        ("*", "learning-rate-high", "exploding-signal"),
    ),
    "missing-nonlinearity": Cause(
        "Without activations, several layers can do no more than one.",
        "Goodfellow et al. 2016, Deep Learning, section 6.1",
        "give hidden layers activation='relu'.",
        ("overfitting",),
    ),
    "not-recompiled": Cause(
        "The training step and its optimiser keep to what was trainable when they were made, whatever is set later.",
        "Keras guides, Transfer learning & fine-tuning",
        "call model.compile(…) again after each change of trainable; within a fit, let it end first: one fit for each "
        "stage.",
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
        "Layers that keep their first, random weights pass on noise.",
        "Humbatova et al. 2020, arXiv:1910.11015, model",
        "set layer.trainable = True and compile again, or load trained weights.",
        ("untrained-variables", "loss-at-chance", "no-generalization", "overfitting"),
    ),
    "untrained-variables": Cause(
        "A variable that is never updated keeps its first, random value.",
        "Nikanjam et al. 2021, NeuraLint",
        "remove argmax, round, integer casts or stop_gradient between this layer and the loss.",
        ("loss-at-chance", "no-generalization", "overfitting"),
    ),
    "collapsed-features": Cause(
        "What is lost in a narrow place cannot be used after it.",
        "Szegedy et al. 2016, arXiv:1512.00567, section 2",
        "pool less, start with larger images, or widen the narrow layer.",
        ("*",),
    ),
    "shrinking-filters": Cause(
        "Where maps become smaller, usual networks double their filters, so that less is lost.",
        "He et al. 2016, arXiv:1512.03385, section 3.3",
        "as many filters or more from layer to layer, for example 64, 128, 256.",
    ),
    "excessive-dropout": Cause(
        "So few units are left in each step that their signal drowns in the noise.",
        "Srivastava et al. 2014, JMLR 15, section A.4: 0.2 to 0.5 for hidden units",
        "Dropout(0.5) or less; the number is the share dropped, not kept.",
        ("*",),
    ),
    "dropout-before-norm": Cause(
        "Dropout changes the variance in training only, so the averages of the batch norm do not fit in evaluation.",
        "Li et al. 2018, arXiv:1801.05134",
        "move dropout after the last batch norm.",
    ),
    "small-batch-norm": Cause(
        "Mean and variance of so few images are mostly noise.",
        "Wu & He 2018, arXiv:1803.08494, figure 1",
        "larger batches, or GroupNormalization.",
        ("*", "learning-rate-low", "learning-rate-high", "lagging-batch-norm", "shuffled-labels"),
    ),
    "symmetric-init": Cause(
        "Weights that start alike get the same gradient, or none at all, and stay alike.",
        "Goodfellow et al. 2016, Deep Learning, section 8.4",
        "leave kernel_initializer at its default, or use he_normal.",
        ("*", "vanishing-signal", "untrained-variables"),
    ),
    "exploding-signal": Cause(
        "Outputs of this size make the loss and its gradient huge; the first steps ruin the weights.",
        "He et al. 2015, arXiv:1502.01852, section 2.2",
        "kernel_initializer='he_normal' in all layers with ReLU, and inputs scaled to values near 1.",
        ("*", "learning-rate-high", "unscaled-input"),
    ),
    "vanishing-signal": Cause(
        "When differences between images fade on the way, all of them look alike to the last layer.",
        "He et al. 2015, arXiv:1502.01852, section 2.2; Ioffe & Szegedy 2015, arXiv:1502.03167",
        "BatchNormalization after each convolution, or kernel_initializer='he_normal' with ReLU.",
        ("*", "learning-rate-low"),
    ),
    "strong-augmentation": Cause(
        "The network trains on images unlike the real ones.",
        "Shorten & Khoshgoftaar 2019, doi:10.1186/s40537-019-0197-0",
        "plot augmented images; after Rescaling(1 / 255), RandomBrightness and RandomContrast need value_range=(0, 1).",
        ("*", "unscaled-input", "lagging-batch-norm"),
    ),
    "unscaled-input": Cause(
        "Rates and initialisations are made for inputs near 1: with larger ones steps overshoot or units "
        "saturate, and smaller ones count for little beside the biases.",
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
        "With too high a rate, steps overshoot and the loss rises instead of falling.",
        "Bengio 2012, arXiv:1206.5533, section 3.1.1",
        "divide the rate by 10 until the loss falls; usual first rates are 0.001 for Adam and 0.01 for SGD.",
        ("*",),
    ),
    "learning-rate-low": Cause(
        "At this rate the weights hardly move from where they started.",
        "Bengio 2012, arXiv:1206.5533, section 3.1.1",
        "multiply the rate by 10 while the loss still falls; usual first rates are 0.001 for Adam and 0.01 for SGD.",
        ("loss-at-chance", "no-generalization", "collapsed-predictions", "vanishing-gradient", "slow-learning"),
    ),
    "learning-rate-decay": Cause(
        "Most of the run then has a rate too small to learn with.",
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
        "In evaluation batch norm uses moving averages; these are far from the mean and variance of training batches.",
        "Ioffe & Szegedy 2015, arXiv:1502.03167, section 3.1",
        "BatchNormalization(momentum=0.9), or more steps.",
        ("no-generalization", "overfitting"),
    ),
    "large-first-loss": Cause(
        "An untrained network should find all classes about equally likely.",
        "Karpathy 2019, A Recipe for Training Neural Networks",
        "scale the inputs, and start the last layer with small weights.",
    ),
    "cannot-overfit": Cause(
        "A network that cannot memorise a few images cannot learn many.",
        "Karpathy 2019, A Recipe for Training Neural Networks",
        "start from a small network that can, and add layers one at a time until it fails.",
        ("loss-at-chance", "collapsed-predictions", "input-independent", "no-generalization"),
    ),
    "exploding-gradient": Cause(
        "A gradient that grows from step to step of a sequence throws the weights away in a single update.",
        "Pascanu et al. 2013, arXiv:1211.5063, section 3.2",
        "clipnorm=1.0 in your optimiser, or LSTM or GRU in place of SimpleRNN.",
        (
            "not-finite",
            "loss-at-chance",
            "collapsed-predictions",
            "input-independent",
            "no-generalization",
            "learning-rate-low",  # units that such an update has killed do not move
            "slow-learning",
        ),
    ),
    "not-finite": Cause(
        "NaN spreads to all weights; nothing more is learned.",
        "Zhang et al. 2021, AutoTrainer, section 3",
        "look in losses and layers of your own for log, division, sqrt and norms (at 0 the gradient of sqrt is "
        "infinite, though its value is 0: write sqrt(x + 1e-7)); where there are none, divide the learning rate by 10.",
        ("dead-relu", "loss-at-chance", "collapsed-predictions", "input-independent", "no-generalization"),
    ),
    "dead-relu": Cause(
        "Such a unit gets no gradient and rarely recovers.",
        "Zhang et al. 2021, AutoTrainer, section 3",
        "lower the learning rate, scale the inputs, use kernel_initializer='he_normal', or activation='leaky_relu'.",
        ("input-independent", "collapsed-predictions", "loss-at-chance", "vanishing-gradient", "no-generalization"),
    ),
    "vanishing-gradient": Cause(
        "The first layers hardly change.",
        "Glorot & Bengio 2010, section 4",
        "ReLU in place of sigmoid or tanh, he_normal, BatchNormalization.",
        ("loss-at-chance", "no-generalization", "collapsed-predictions"),
    ),
    "input-independent": Cause(
        "The network ignores the image.",
        "Karpathy 2019, A Recipe for Training Neural Networks",
        "train on 10 images only; if they cannot be memorised, lower the rate, scale inputs, use he_normal.",
        ("collapsed-predictions", "loss-at-chance", "no-generalization"),
    ),
    "collapsed-predictions": Cause(
        "It always gives the same answer.",
        "Karpathy 2019, A Recipe for Training Neural Networks",
        "lower the learning rate; look at the labels and at the initialisation.",
        ("loss-at-chance", "no-generalization"),
    ),
    "loss-at-chance": Cause(
        "The network is no better than guessing, as if it did not see the images.",
        "Karpathy 2019, A Recipe for Training Neural Networks",
        "change one thing at a time: the learning rate (10 times higher, 10 times lower), scaled inputs, "
        "BatchNormalization, he_normal.",
        ("no-generalization",),
    ),
    "oscillating-loss": Cause(
        "The learning rate is too high for this loss: each epoch overshoots the one before.",
        "Zhang et al. 2021, AutoTrainer, section 3",
        "divide the learning rate by 10, or take larger batches.",
        ("plateau", "no-generalization"),
    ),
    "slow-learning": Cause(
        "At this pace the run ends long before the network has learned what it could.",
        "Zhang et al. 2021, AutoTrainer, section 3",
        "multiply the learning rate by 10, scale the inputs, add BatchNormalization; or train for longer.",
        ("no-generalization",),
    ),
    "no-generalization": Cause(
        "What it learned in training does not work on the validation images.",
        "Zhang et al. 2017, arXiv:1611.03530",
        "compare both sets: labels, scaling, origin; if they agree, augment.",
        ("overfitting",),
    ),
    "overfitting": Cause(
        "The network memorises its training images.",
        "Goodfellow et al. 2016, Deep Learning, section 7.8",
        "stop earlier, augment, or add dropout and weight decay.",
    ),
    "plateau": Cause(
        "More epochs like the last ones bring nothing.",
        "Bengio 2012, arXiv:1206.5533, section 3.1.1",
        "ReduceLROnPlateau, or a cosine decay over all steps; where the rate is low already, a slower decay or a "
        "larger network.",
    ),
    "slow-input": Cause(
        "The processor that trains stands idle meanwhile.",
        "TensorFlow, Better performance with the tf.data API",
        "dataset.cache() after decoding, map(…, num_parallel_calls=tf.data.AUTOTUNE), prefetch(tf.data.AUTOTUNE).",
    ),
}
_RANK = {cause: number for number, cause in enumerate(CAUSES)}


def explained_by(cause: str) -> frozenset[str]:
    """The causes that are mere symptoms where this one is found."""
    names = CAUSES[cause].explains
    return frozenset([*names, *SYMPTOMS] if "*" in names else names) - {cause}


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Findings of warning and error before notes, along the chain of causes; mere symptoms left out."""
    found = list(findings)
    known = {f.cause for f in found if f.severity != "note"}
    symptoms = frozenset().union(*(explained_by(cause) for cause in known))
    errors = {f.cause for f in found if f.severity == "error"} - symptoms
    kept = [f for f in found if f.cause not in symptoms and not (f.is_suspicion and errors)]
    return sorted(kept, key=lambda f: (f.severity == "note", _RANK[f.cause]))


class Diagnosis:
    """The findings of a run, each cause once; one that was withdrawn is none.

    Args:
        silence: causes not to report.
    """

    def __init__(self, silence: Iterable[str] = ()) -> None:
        self.silence = frozenset(silence)
        self._found: dict[str, Finding] = {}

    @property
    def findings(self) -> list[Finding]:
        """What was found, what explains it first."""
        return ordered(self._found.values())

    def add(self, findings: Iterable[Finding]) -> list[Finding]:
        """Take findings; returns those that are news and no mere symptom of others, in order.

        A cause that was a note before is news again as a warning. What is withdrawn is news where it was told before.
        """
        news: list[Finding] = []
        withdrawn: list[Finding] = []
        for finding in findings:
            if finding.withdrawn:
                before = self._found.pop(finding.cause, None)
                withdrawn += [] if before is None or before in news else [finding]
                continue
            before = self._found.get(finding.cause)
            graver = before is None or SEVERITIES.index(finding.severity) > SEVERITIES.index(before.severity)
            if finding.cause not in self.silence and graver:
                self._found[finding.cause] = finding
                news.append(finding)
        kept = self.findings
        return withdrawn + [finding for finding in kept if finding in news]


def verdict(findings: Iterable[Finding]) -> str:
    """All findings for a person, one paragraph each."""
    found = [f"doctor: {finding}" for finding in findings]
    return "\n".join(found) if found else "doctor: nothing found that would keep this from learning."


def write_findings(path: Path, findings: Iterable[Finding]) -> None:
    """Findings as JSON, with why they matter and the source."""
    rows = [
        asdict(f) | {"why": CAUSES[f.cause].why, "source": CAUSES[f.cause].source, "text": str(f)} for f in findings
    ]
    write_whole(path, json.dumps(rows, indent=1, ensure_ascii=False))
