"""The five cases of docs/cases.md: which configs are run for each, and what their metrics must show."""

import math
import shlex
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

SEEDS = (0, 1, 2)
DEFAULT, FULL = "default", "full"  # a size for two CPU cores, and the size of the question

Metrics = dict[str, list[float]]  # each metric over the seeds; None for a seed that lacks it
Rows = dict[str, dict[int, dict[str, Any]]]  # the metrics of each row by seed
Holds = Callable[[Metrics, Rows], bool | None]


@dataclass(frozen=True)
class Row:
    """A row of a table: one config over the seeds.

    Args:
        name: name of its records and folders.
        role: `symptom`, `fix`, `control`, `factor` or `peer` (plain Keras instead of exprun).
        what: the config in words.
        overrides: overrides of the preset.
        expected: the result to expect, in words.
        holds: whether the metrics are as expected; returns None as long as they cannot tell.
        preset: a preset instead of the case's.
        weights: the row whose run gives the weights to start from.
        size: overrides at the default size only; they replace those of the case with the same key.
        full: overrides at the size of the question only.
    """

    name: str
    role: str
    what: str
    overrides: str = ""
    expected: str = ""
    holds: Holds | None = None
    preset: str = ""
    weights: str = ""
    size: str = ""
    full: str = ""


@dataclass(frozen=True)
class Case:
    """A question with its table.

    Args:
        preset: preset in conf/experiment.
        columns: heading, metric and format of each column of metrics.
        rows: the rows of the table.
        size: overrides that make the case fit two CPU cores.
        full: whether the question's own size is another.
        zeros: layers whose share of zero outputs is measured.
        cifar: whether the images are CIFAR-10.
    """

    preset: str
    columns: list[tuple[str, str, str]]
    rows: list[Row]
    size: str = ""
    full: bool = True
    zeros: tuple[str, ...] = ()
    cifar: bool = True


def overrides_of(case: Case, row: Row, size: str) -> list[str]:
    """The overrides of a row at a size, without seed and folder."""
    of_size = row.full if size == FULL else f"{case.size} {row.size}"
    overrides = [f"experiment={row.preset or case.preset}", *shlex.split(row.overrides), *shlex.split(of_size)]
    return list({override.split("=", 1)[0]: override for override in overrides}.values())


def mean(values: list[float]) -> float:
    """The mean over the seeds."""
    return statistics.fmean(values)


def above(key: str, limit: float) -> Holds:
    """Whether the mean of a metric is above a limit."""
    return lambda metrics, rows: mean(metrics[key]) > limit


def at_chance(metrics: Metrics, rows: Rows) -> bool:
    """Whether the validation loss is within 1 % of ln(classes)."""
    return abs(mean(metrics["val/loss"]) / math.log(mean(metrics["classes"])) - 1) <= 0.01


def flat(metrics: Metrics, rows: Rows) -> bool:
    """Whether training learns while the validation loss is at least five times the training loss."""
    return mean(metrics["train/accuracy"]) > 0.6 and mean(metrics["val/loss"]) >= 5 * mean(metrics["train/loss"])


def stuck(metrics: Metrics, rows: Rows) -> bool:
    """Whether ten classes stay at accuracy 0.1 and loss ln(10)."""
    return abs(mean(metrics["val/accuracy"]) - 0.1) <= 0.005 and abs(mean(metrics["val/loss"]) - math.log(10)) <= 0.01


def dead(metrics: Metrics, rows: Rows) -> bool:
    """Whether the first loss is huge, the last ln(10), and the first dense layer all but dead."""
    left = abs(mean(metrics["train/loss"]) - math.log(10)) <= 0.02
    return min(metrics["first/loss"]) > 1000 and left and mean(metrics["zeros/dense1_relu"]) >= 0.95


def like_keras(metrics: Metrics, rows: Rows) -> bool | None:
    """Whether validation accuracy is within one point of plain Keras; None until both have the same seeds."""
    ours, peers = rows["float32"], rows.get("keras", {})
    if ours.keys() != peers.keys():
        return None
    own, other = (mean([run["val/accuracy"] for run in row.values()]) for row in (ours, peers))
    return abs(own - other) <= 0.01


def sooner(metrics: Metrics, rows: Rows) -> bool | None:
    """Whether transferred weights get there in fewer epochs; None until both rows have the same seeds."""
    fresh, transferred = rows.get("repaired", {}), rows["transfer"]
    if transferred.keys() != fresh.keys():
        return None
    own, other = (mean([run["epochs_to_95"] or math.inf for run in row.values()]) for row in (transferred, fresh))
    return mean(metrics["test/accuracy"]) > 0.95 and own < other


TRAIN = [("training accuracy", "train/accuracy", "%"), ("training loss", "train/loss", ".3f")]
VALIDATION = [("validation accuracy", "val/accuracy", "%"), ("validation loss", "val/loss", ".3f")]
TEST = [("test accuracy", "test/accuracy", "%")]
GAP = [("inference mode", "gap/inference", "+"), ("other preprocessing", "gap/preprocessing", "+"),
       ("unseen images", "gap/unseen", "+")]  # fmt: skip
ZEROS = [("first loss", "first/loss", ",.0f"), ("zeros in conv2", "zeros/conv2_relu", "%"),
         ("fc1", "zeros/dense1_relu", "%"), ("fc2", "zeros/dense2_relu", "%")]  # fmt: skip
CASES = [
    Case(
        "dead_relu",
        [*ZEROS, ("last training loss", "train/loss", ".3f"), VALIDATION[0], *TEST],
        [
            Row("broken", "symptom", "as asked", "",
                "first loss > 1,000, then 2.30 ± 0.02; ≥ 95 % of fc1 zero", dead),
            Row("repaired", "fix", "fitting init, scaled input, 3 epochs",
                "init=he_normal input=standardize trainer.epochs=3", "> 55 % after 3 epochs",
                above("val/accuracy", 0.55)),
            Row("tf_cifar10", "control", "TensorFlow's tutorial, 10 epochs", "",
                "> 70 % after 10 epochs", above("val/accuracy", 0.70), preset="tf_cifar10"),
            Row("init", "factor", "init alone, 3 epochs", "init=he_normal trainer.epochs=3"),
            Row("input", "factor", "input alone, 3 epochs", "input=standardize trainer.epochs=3"),
        ],
        full=False,
        zeros=("conv2_relu", "dense1_relu", "dense2_relu"),
    ),
    Case(
        "flat_validation",
        [*TRAIN, *VALIDATION, *GAP],
        [
            Row("broken", "symptom", "as asked", "",
                "training > 60 %; validation loss ≥ 5 × training loss", flat),
            Row("float32", "fix", "network and batch of the answer, scaled alike, in float32",
                "fault=none model=flat_answer init=he_normal_conv trainer.batch_size=500 trainer.precision=float32",
                "within 1 point of plain Keras", like_keras),
            Row("repaired", "fix", "the same in the precision that the device prefers",
                "fault=none model=flat_answer init=he_normal_conv trainer.batch_size=500"),
            Row("keras", "peer", "the same network, files and epochs in plain Keras `fit`, in float32"),
            Row("scaled", "factor", "the question's network, scaled alike", "fault=none"),
            Row("norm", "factor", "the same with a slow batch norm", "fault=none norm=batch norm.momentum=0.99"),
            Row("edit", "factor", "second network of the question, 10 epochs, scaled alike",
                "fault=none model=flat_edit init=he_normal_conv trainer.epochs=10"),
        ],
        full=False,
    ),
    Case(
        "stuck_vgg16",
        [TRAIN[0], *VALIDATION, *TEST],
        [
            Row("float32", "symptom", "as asked, 3 epochs, in float32", "trainer.precision=float32",
                "10 ± 0.5 %, loss 2.30 ± 0.01", stuck, size="trainer.epochs=3"),
            Row("broken", "factor", "the same in the precision that the device prefers", size="trainer.epochs=3"),
            Row("repaired", "fix", "batch norm, 3 epochs", "norm=batch", "> 60 % after 3 epochs",
                above("val/accuracy", 0.6), size="trainer.epochs=3"),
            Row("cnn_he", "control", "the network that learns there", "", "> 70 % after 5 epochs",
                above("val/accuracy", 0.7), preset="cnn_he", full="trainer.epochs=30 adversary=fgsm"),
        ],
    ),
    Case(
        "palm_vein",
        [TRAIN[1], *VALIDATION, *TEST, ("epochs to 95 %", "epochs_to_95", ".0f")],
        [
            Row("alexnet_bug", "control", "AlexNet with the bug", "model=palm_alexnet",
                "> 95 % test", above("test/accuracy", 0.95), size="trainer.epochs=60"),
            Row("alexnet", "control", "AlexNet without the bug", "model=palm_alexnet fault=none",
                "> 95 % test", above("test/accuracy", 0.95), size="trainer.epochs=60"),
            Row("broken", "symptom", "VGG-16 as asked", "", "loss within 1 % of ln(classes)", at_chance,
                size="trainer.epochs=10"),
            Row("repaired", "fix", "reconnected, batch norm", "fault=none norm=batch",
                "> 95 % test", above("test/accuracy", 0.95)),
            Row("norm", "factor", "batch norm alone", "norm=batch"),
            Row("reconnected", "factor", "preprocessing reconnected alone", "fault=none", size="trainer.epochs=10"),
            Row("init", "factor", "reconnected, He init", "fault=none init=he_normal"),
            Row("rate", "factor", "reconnected, rate 1e-4", "fault=none optim.learning_rate=1e-4"),
            Row("init_rate", "factor", "reconnected, He init, rate 1e-4",
                "fault=none init=he_normal optim.learning_rate=1e-4"),
            Row("others", "control", "the repaired network on other people, one more of them",
                "fault=none norm=batch data.first_person=1000", size="data.people=41", full="data.people=161"),
            Row("transfer", "fix", "from the weights of the line above, all but the classifier at a tenth of the rate",
                "fault=none norm=batch model.fine_tune_rate=0.1", "> 95 % test in fewer epochs", sooner,
                weights="others"),
            Row("broken_vgg19", "symptom", "VGG-19 as asked", "model=palm_vgg19", "loss within 1 % of ln(classes)",
                at_chance, size="trainer.epochs=5"),
        ],
        size="data.people=40 data.images_per_person=40 data.size=96",
        cifar=False,
    ),
    Case(
        "matconvnet_parity",
        [TRAIN[0], VALIDATION[0], ("binary accuracy", "val/binary_accuracy", "%"), VALIDATION[1], *TEST],
        [
            Row("port", "symptom", "the Keras port"),
            Row("original", "control", "as trained in MatConvNet", preset="matconvnet_original"),
            Row("port_norm", "fix", "the port with batch norm", "norm=batch"),
            Row("original_norm", "fix", "the original with batch norm", "norm=batch", preset="matconvnet_original"),
            Row("groups", "factor", "groups of the original", "model=matconvnet"),
            Row("init", "factor", "init of the original", "init=gaussian_matconvnet"),
            Row("schedule", "factor", "rates of the original, 0.01 to 0.0001, with RMSprop", "schedule=matconvnet"),
            Row("optim", "factor", "SGD of the original: rate 0.01, momentum, decay, rate of biases",
                "optim=sgd_momentum_matconvnet"),
            Row("optim_schedule", "factor", "the same with the original's schedule",
                "optim=sgd_momentum_matconvnet schedule=matconvnet"),
            Row("answer", "factor", "what the answers propose",
                "optim=sgd_momentum init=gaussian init.stddev=0.0125 schedule=matconvnet"),
        ],
        size="data.limit=3000",
        cifar=False,
    ),
]  # fmt: skip
