"""What the doctor says: a finding, the causes that it knows, and which of them explain which."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

Severity = Literal["note", "warning", "error"]
SEVERITIES: tuple[Severity, ...] = ("note", "warning", "error")


@dataclass(frozen=True)
class Cause:
    """A reason why a network does not learn, or learns less than it could.

    Args:
        why: it matters, in one sentence.
        source: of that sentence.
        keras: what to change in a Keras script.
        explains: causes that are then mere symptoms; `*` stands for all of `SYMPTOMS`.
    """

    why: str
    source: str
    keras: str
    explains: tuple[str, ...] = ()


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
        overrides: of exprun to try, each by itself; filled in where there is a config.
    """

    cause: str
    severity: Severity
    where: str
    evidence: str
    step: int | None = None
    numbers: dict[str, float] = field(default_factory=dict)
    overrides: tuple[str, ...] = ()

    @property
    def is_suspicion(self) -> bool:
        """Whether it rests on nothing being learned alone, which any error explains as well."""
        return self.cause == "shuffled-labels" and self.severity == "warning"

    def __str__(self) -> str:
        """The paragraph that a person reads."""
        cause = CAUSES[self.cause]
        at = "" if self.step is None else f" at step {self.step}"
        tried = " or ".join(self.overrides) if self.overrides else cause.keras
        return f"[{self.cause}] {self.severity}{at}, {self.where}: {self.evidence} {cause.why} Try: {tried}"


SYMPTOMS = (
    "large-first-loss",
    "input-independent",
    "vanishing-gradient",
    "exploding-gradient",
    "dead-relu",
    "collapsed-predictions",
    "saturated-output",
    "loss-at-chance",
    "not-finite",
    "no-generalization",
    "oscillating-loss",
    "slow-learning",
    "overfitting",
)

# In the order of the chain of causes: what comes first explains what comes later.
CAUSES = {
    "non-finite-input": Cause(
        "One value that is not finite makes every weight behind it so within a step.",
        "IEEE 754",
        "remove or replace these values: np.isfinite(x).all() must hold before fit.",
        ("*", "learning-rate-high", "shuffled-labels"),
    ),
    "constant-input": Cause(
        "What is the same in all images cannot tell classes apart.",
        "Zhang et al. 2021, AutoTrainer, section 3",
        "look at the images as the model gets them, behind every preprocessing.",
        ("*", "shuffled-labels", "vanishing-signal"),
    ),
    "label-encoding": Cause(
        "Integer labels go with a sparse loss, one-hot labels with the other.",
        "Humbatova et al. 2020, arXiv:1910.11015, training data",
        "use sparse_categorical_crossentropy for integers, categorical_crossentropy for one-hot rows.",
        ("*", "wrong-loss", "output-units", "shuffled-labels"),
    ),
    "label-out-of-range": Cause(
        "A class number without an output unit has no probability: its loss is undefined, or NaN on a GPU.",
        "TensorFlow, sparse_softmax_cross_entropy_with_logits",
        "count classes from 0, or give the last layer one unit more than the largest label.",
        ("*", "output-units"),
    ),
    "single-class": Cause(
        "With labels of one class only, always saying that class is perfect, and nothing is learned.",
        "Humbatova et al. 2020, arXiv:1910.11015, training data",
        "look at how the labels are read and split.",
        ("*", "class-imbalance", "shuffled-labels", "unshuffled-data"),
    ),
    "unshuffled-data": Cause(
        "Batches of one class each pull the weights from class to class.",
        "Bengio 2012, arXiv:1206.5533, section 3.3",
        "shuffle: fit(shuffle=True), or dataset.shuffle(buffer as large as the set) before batch.",
        ("*", "learning-rate-high", "lagging-batch-norm"),
    ),
    "shuffled-labels": Cause(
        "Labels that do not belong to their images can only be learned by heart.",
        "Zhang et al. 2017, arXiv:1611.03530, section 2",
        "check that images and labels are read, sorted and shuffled together.",
        ("*", "learning-rate-high"),
    ),
    "leaked-validation": Cause(
        "Images that were trained on say nothing about new ones.",
        "Kapoor & Narayanan 2023, doi:10.1016/j.patter.2023.100804",
        "split before any copying or augmentation, by origin of the image.",
    ),
    "class-imbalance": Cause(
        "Saying the frequent class each time is already right this often, and the rare ones are hardly seen.",
        "Buda et al. 2018, arXiv:1710.05381",
        "give fit class_weight, and judge by balanced accuracy.",
        ("collapsed-predictions",),
    ),
    "unscaled-evaluation": Cause(
        "A network is only right about inputs that are scaled as those it was trained on.",
        "Wardat et al. 2021, DeepLocalize; the question behind experiment=flat_validation",
        "put the scaling into the model, or apply the same function to validation and test images.",
        ("*", "lagging-batch-norm"),
    ),
    "bypassed-layers": Cause(
        "A layer whose result goes nowhere changes nothing.",
        "the question behind experiment=palm_vein",
        "pass the result on: x = layer(x), and let the next layer take x.",
        ("unscaled-input", "large-first-loss", "untrained-variables"),
    ),
    "mixed-examples": Cause(
        "An image's output must not depend on which other images are in its batch.",
        "UMLAUT (Schoop et al. 2021), section 4",
        "keep the first axis for the batch: look at reshapes, transposes and softmax axes.",
        ("*", "shuffled-labels", "softmax-twice", "output-activation", "missing-softmax"),
    ),
    "output-units": Cause(
        "The last layer needs one unit for each class (or one for a yes or no, with a sigmoid).",
        "NeuraLint (Nikanjam et al. 2021), rule 10",
        "set the units of the last layer to the number of classes.",
        ("*", "output-activation", "wrong-loss"),
    ),
    "softmax-twice": Cause(
        "A loss that takes logits applies the softmax itself; after two of them no output is ever sure.",
        "UMLAUT (Schoop et al. 2021), section 4",
        "remove the activation of the last layer, or set from_logits=False.",
        ("*", "learning-rate-low", "vanishing-signal"),
    ),
    "missing-softmax": Cause(
        "A loss of probabilities takes the logarithm of outputs that are none: they are clipped and have no gradient.",
        "UMLAUT (Schoop et al. 2021), section 4",
        "set from_logits=True, or end the model in softmax (sigmoid for one unit).",
        ("*",),
    ),
    "output-activation": Cause(
        "The last activation decides which answers the network can give at all.",
        "NeuraLint (Nikanjam et al. 2021), rules 11 and 12",
        "softmax over the classes for one of many, sigmoid for yes or no, none for a number.",
        ("*", "vanishing-signal"),
    ),
    "wrong-loss": Cause(
        "The loss decides what is learned: class numbers are names, not amounts.",
        "Humbatova et al. 2020, arXiv:1910.11015, loss function",
        "cross-entropy for classes, a squared or absolute error for numbers.",
        ("*", "learning-rate-high", "exploding-signal"),
    ),
    "missing-nonlinearity": Cause(
        "Without an activation between them, layers of weights are together no more than one of them.",
        "Goodfellow et al. 2016, Deep Learning, section 6.1",
        "give hidden layers activation='relu'.",
        ("slow-learning", "overfitting"),
    ),
    "frozen-layers": Cause(
        "Layers that keep their first, random weights pass on noise.",
        "Humbatova et al. 2020, arXiv:1910.11015, model",
        "set layer.trainable = True before compile, or load trained weights.",
        ("untrained-variables", "slow-learning", "loss-at-chance", "no-generalization", "overfitting"),
    ),
    "untrained-variables": Cause(
        "A variable without a gradient keeps its first, random value.",
        "NeuraLint (Nikanjam et al. 2021), section 3",
        "look for argmax, round, stop_gradient, or a layer whose output the loss never sees.",
        ("slow-learning", "loss-at-chance", "no-generalization", "overfitting"),
    ),
    "collapsed-features": Cause(
        "What does not pass through a narrow place cannot be used behind it.",
        "Simonyan & Zisserman 2015, arXiv:1409.1556, section 2.3",
        "pool less, start with larger images, or widen the narrow layer.",
        ("*",),
    ),
    "excessive-dropout": Cause(
        "So few units are left in each step that their signal drowns in the noise.",
        "Srivastava et al. 2014, JMLR 15, section A.4: 0.2 to 0.5 for hidden units",
        "lower the rate to 0.5 or less; it is the share that is dropped.",
        ("*",),
    ),
    "dropout-before-norm": Cause(
        "Dropout changes the variance that batch norm has averaged, and in inference mode it is off.",
        "Li et al. 2018, arXiv:1801.05134",
        "put dropout behind the last batch norm.",
    ),
    "small-batch-norm": Cause(
        "Mean and variance of so few images are noise, and the moving averages are of that noise.",
        "Wu & He 2018, arXiv:1803.08494, figure 1",
        "larger batches, or GroupNormalization.",
        ("*", "learning-rate-low", "learning-rate-high", "lagging-batch-norm", "shuffled-labels"),
    ),
    "symmetric-init": Cause(
        "Units that start alike get the same gradient and stay alike.",
        "Goodfellow et al. 2016, Deep Learning, section 8.4",
        "leave kernel_initializer at its default, or use he_normal.",
        ("*", "vanishing-signal", "untrained-variables"),
    ),
    "exploding-signal": Cause(
        "Outputs of this size make the loss huge, and its gradient throws the weights away in the first steps.",
        "He et al. 2015, arXiv:1502.01852, section 2.2",
        "kernel_initializer='he_normal' for ReLU layers, and scaled inputs.",
        ("*", "learning-rate-high", "unscaled-input"),
    ),
    "vanishing-signal": Cause(
        "So little of the differences between images arrives at the output that there is nothing to learn from.",
        "He et al. 2015, arXiv:1502.01852, section 2.2; Ioffe & Szegedy 2015, arXiv:1502.03167",
        "BatchNormalization after each convolution, or kernel_initializer='he_normal' with ReLU.",
        ("*", "learning-rate-low"),
    ),
    "strong-augmentation": Cause(
        "Training sees other images than there are, and what it learns is about those.",
        "Shorten & Khoshgoftaar 2019, doi:10.1186/s40537-019-0197-0",
        "look at augmented images; RandomBrightness and RandomContrast need value_range=(0, 1) behind a Rescaling.",
        ("*", "unscaled-input", "lagging-batch-norm"),
    ),
    "unscaled-input": Cause(
        "Large inputs make large outputs and gradients, which a rate made for inputs near 1 does not fit.",
        "LeCun et al. 1998, Efficient BackProp, section 4.3",
        "layers.Rescaling(1 / 255) as the first layer, or Normalization adapted to the training images.",
        ("*", "learning-rate-high"),
    ),
    "strong-regularization": Cause(
        "The penalty outweighs the data and pulls all weights to zero.",
        "Goodfellow et al. 2016, Deep Learning, section 7.1",
        "lower the factor: 1e-4 is usual for L2.",
        ("*",),
    ),
    "learning-rate-high": Cause(
        "Steps of this size jump over every minimum.",
        "Bengio 2012, arXiv:1206.5533, section 3.1.1",
        "divide the learning rate by 10, and again.",
        ("*",),
    ),
    "learning-rate-low": Cause(
        "At this rate the weights hardly move from where they started.",
        "Bengio 2012, arXiv:1206.5533, section 3.1.1",
        "multiply the learning rate by 10, and again.",
        ("slow-learning", "loss-at-chance", "no-generalization", "collapsed-predictions", "vanishing-gradient"),
    ),
    "learning-rate-decay": Cause(
        "A rate that decays by the step is soon too small to learn with.",
        "Bengio 2012, arXiv:1206.5533, section 3.1.1",
        "let the decay last as long as the run: count steps, not epochs.",
        ("learning-rate-low", "slow-learning", "loss-at-chance", "no-generalization", "collapsed-predictions"),
    ),
    "lagging-batch-norm": Cause(
        "Inference mode uses moving averages, which have not arrived where training is.",
        "Ioffe & Szegedy 2015, arXiv:1502.03167, section 3.1",
        "BatchNormalization(momentum=0.9), or more steps.",
        ("no-generalization", "saturated-output", "overfitting"),
    ),
    "large-first-loss": Cause(
        "Before training all classes should look alike, which costs ln(classes).",
        "Karpathy 2019, A Recipe for Training Neural Networks",
        "scale the inputs, and start the last layer with small weights.",
    ),
    "not-finite": Cause(
        "From here on nothing can be learned.",
        "Zhang et al. 2021, AutoTrainer, section 3",
        "divide the learning rate by 10; clip gradients: clipnorm=1.0.",
        ("loss-at-chance", "collapsed-predictions", "input-independent", "no-generalization", "slow-learning"),
    ),
    "dead-relu": Cause(
        "A ReLU that is zero for every image has no gradient and stays so.",
        "Zhang et al. 2021, AutoTrainer, section 3",
        "lower the learning rate, kernel_initializer='he_normal', scaled inputs, or activation='leaky_relu'.",
        ("input-independent", "collapsed-predictions", "loss-at-chance", "vanishing-gradient", "no-generalization"),
    ),
    "exploding-gradient": Cause(
        "Steps along gradients of this size undo what was learned.",
        "Pascanu et al. 2013, arXiv:1211.5063",
        "clipnorm=1.0 in the optimiser, a lower rate, or batch norm.",
        ("oscillating-loss", "loss-at-chance"),
    ),
    "vanishing-gradient": Cause(
        "The first layers get hardly any gradient and stay as they are.",
        "Glorot & Bengio 2010, section 4",
        "ReLU in place of sigmoid or tanh, he_normal, BatchNormalization.",
        ("loss-at-chance", "slow-learning", "no-generalization", "collapsed-predictions"),
    ),
    "input-independent": Cause(
        "The same answer for every image is no answer.",
        "UMLAUT (Schoop et al. 2021), section 4",
        "see whether a single batch can be learned by heart; if not, look at activations and rate.",
        ("collapsed-predictions", "loss-at-chance", "no-generalization"),
    ),
    "collapsed-predictions": Cause(
        "The network gives every image the same class.",
        "Zhang et al. 2021, AutoTrainer, section 3",
        "lower the learning rate; look at the labels and at the initialisation.",
        ("loss-at-chance", "no-generalization"),
    ),
    "loss-at-chance": Cause(
        "That is what guessing by the classes' frequencies costs: nothing of the images has been used.",
        "Karpathy 2019, A Recipe for Training Neural Networks",
        "batch norm, he_normal, another learning rate, scaled inputs; one at a time.",
        ("no-generalization", "slow-learning"),
    ),
    "saturated-output": Cause(
        "The network is sure of answers that are wrong.",
        "Guo et al. 2017, arXiv:1706.04599",
        "compare how training and validation images are scaled; then less training, or label smoothing.",
        ("overfitting", "no-generalization"),
    ),
    "no-generalization": Cause(
        "What is learned does not hold for images that were not trained on.",
        "Zhang et al. 2017, arXiv:1611.03530",
        "compare the two sets: labels, scaling, origin; then augmentation and weight decay.",
        ("overfitting",),
    ),
    "overfitting": Cause(
        "The network learns its training images by heart.",
        "Goodfellow et al. 2016, Deep Learning, section 7.8",
        "stop earlier, augment, or add dropout and weight decay.",
    ),
    "oscillating-loss": Cause(
        "The loss goes up as often as down.",
        "Zhang et al. 2021, AutoTrainer, section 3",
        "lower the learning rate, or take larger batches.",
    ),
    "slow-learning": Cause(
        "At this pace the run ends long before the network has learned.",
        "Zhang et al. 2021, AutoTrainer, section 3",
        "a higher learning rate, batch norm, or more epochs.",
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
    """The findings of a run, each cause once.

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

        A cause that was a note before is news again as a warning.
        """
        news = []
        for finding in findings:
            before = self._found.get(finding.cause)
            graver = before is None or SEVERITIES.index(finding.severity) > SEVERITIES.index(before.severity)
            if finding.cause not in self.silence and graver:
                self._found[finding.cause] = finding
                news.append(finding)
        kept = self.findings
        return [finding for finding in kept if finding in news]


def verdict(findings: Iterable[Finding]) -> str:
    """All findings for a person, one paragraph each."""
    found = [f"doctor: {finding}" for finding in findings]
    return "\n".join(found) if found else "doctor: nothing found that would keep this from learning."


def write_findings(path: Path, findings: Iterable[Finding]) -> None:
    """Findings as JSON, with why they matter and the source."""
    rows = [
        asdict(f) | {"why": CAUSES[f.cause].why, "source": CAUSES[f.cause].source, "text": str(f)} for f in findings
    ]
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False), encoding="utf-8")
