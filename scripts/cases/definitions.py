"""The five cases of docs/cases.md: which configs are run for each, and what their metrics must show."""

import math
import shlex
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

SEEDS = (0, 1, 2)
DEFAULT, FULL = "default", "full"  # `default` fits two CPU cores, `full` is the size of the question

Metrics = dict[str, list[float]]  # each metric over the seeds; None for a seed that lacks it
Rows = dict[str, dict[int, dict[str, Any]]]  # the metrics of each row, by seed
Holds = Callable[[Metrics, Rows], bool | None]


@dataclass(frozen=True)
class Row:
    """A row of a table: one config over the seeds.

    Args:
        name: the name of the row in the table, in the records and in the names of its run folders.
        role: `symptom`, `fix`, `control`, `factor` or `peer` (plain Keras instead of exprun).
        what: the config in words.
        overrides: the overrides of the preset.
        expected: the expected result in words.
        holds: a function that returns whether the metrics are as expected, or None if that cannot be decided yet.
        preset: the preset of this row, if it differs from that of the case.
        weights: the row whose best weights the run starts from.
        size: overrides for the default size only; an override of the case with the same key is replaced.
        full: overrides for the size of the question only.
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
        preset: the preset in conf/experiment.
        columns: the heading, metric and format of each column of metrics.
        rows: the rows of the table.
        size: the overrides that make the case fit two CPU cores.
        full: whether the size of the question differs from the default size.
        zeros: the layers whose share of zero outputs is measured.
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
    """The overrides of a row at a size, without the seed and the run folder."""
    for_size = row.full if size == FULL else f"{case.size} {row.size}"
    overrides = [f"experiment={row.preset or case.preset}", *shlex.split(row.overrides), *shlex.split(for_size)]
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
    """Whether the first loss is huge, the last is ln(10), and nearly all outputs of the first dense layer are zero."""
    at_ln_10 = abs(mean(metrics["train/loss"]) - math.log(10)) <= 0.02
    return min(metrics["first/loss"]) > 1000 and at_ln_10 and mean(metrics["zeros/dense1_relu"]) >= 0.95


def like_keras(metrics: Metrics, rows: Rows) -> bool | None:
    """Whether validation accuracy is within one point of plain Keras; None until both rows have the same seeds."""
    exprun, keras = rows["float32"], rows.get("keras", {})
    if exprun.keys() != keras.keys():
        return None
    exprun_accuracy, keras_accuracy = (mean([run["val/accuracy"] for run in row.values()]) for row in (exprun, keras))
    return abs(exprun_accuracy - keras_accuracy) <= 0.01


def sooner(metrics: Metrics, rows: Rows) -> bool | None:
    """Whether transferred weights reach 95 % in fewer epochs; None until both rows have the same seeds."""
    initialized, transferred = rows.get("repaired", {}), rows["transfer"]
    if transferred.keys() != initialized.keys():
        return None
    with_transfer, without = (
        mean([run["epochs_to_95"] or math.inf for run in row.values()]) for row in (transferred, initialized)
    )
    return mean(metrics["test/accuracy"]) > 0.95 and with_transfer < without


TRAIN = [("training accuracy", "train/accuracy", "%"), ("training loss", "train/loss", ".3f")]
VALIDATION = [("validation accuracy", "val/accuracy", "%"), ("validation loss", "val/loss", ".3f")]
TEST = [("test accuracy", "test/accuracy", "%")]
GAP = [("gap: inference mode", "gap/inference", "+"), ("gap: preprocessing", "gap/preprocessing", "+"),
       ("gap: unseen images", "gap/unseen", "+")]  # fmt: skip
ZEROS = [("first loss", "first/loss", ",.0f"), ("zeros in conv2", "zeros/conv2_relu", "%"),
         ("zeros in fc1", "zeros/dense1_relu", "%"), ("zeros in fc2", "zeros/dense2_relu", "%")]  # fmt: skip
CASES = [
    Case(
        "dead_relu",
        [*ZEROS, ("last training loss", "train/loss", ".3f"), VALIDATION[0], *TEST],
        [
            Row("broken", "symptom", "the network from the question", "",
                "first loss > 1,000; last training loss 2.30 ± 0.02; ≥ 95 % zeros in fc1", dead),
            Row("repaired", "fix", "the network from the question with He initialisation and standardised input, "
                "3 epochs",
                "init=he_normal input=standardize trainer.epochs=3", "validation accuracy > 55 % after 3 epochs",
                above("val/accuracy", 0.55)),
            Row("tf_cifar10", "control", "the network from TensorFlow's tutorial, 10 epochs", "",
                "validation accuracy > 70 % after 10 epochs", above("val/accuracy", 0.70), preset="tf_cifar10"),
            Row("init", "factor", "the network from the question with He initialisation, 3 epochs",
                "init=he_normal trainer.epochs=3"),
            Row("input", "factor", "the network from the question with standardised input, 3 epochs",
                "input=standardize trainer.epochs=3"),
        ],
        full=False,
        zeros=("conv2_relu", "dense1_relu", "dense2_relu"),
    ),
    Case(
        "flat_validation",
        [*TRAIN, *VALIDATION, *GAP],
        [
            Row("broken", "symptom", "the network from the question, validation images not scaled", "",
                "training accuracy > 60 %; validation loss ≥ 5 × training loss", flat),
            Row("float32", "fix", "the network and batch size from the answer to the question, all images scaled, "
                "with `trainer.precision=float32`",
                "fault=none model=flat_answer init=he_normal_conv trainer.batch_size=500 trainer.precision=float32",
                "validation accuracy within 1 point of plain Keras", like_keras),
            Row("repaired", "fix", "the network and batch size from the answer to the question, all images scaled, "
                "with `trainer.precision=auto`",
                "fault=none model=flat_answer init=he_normal_conv trainer.batch_size=500"),
            Row("keras", "peer", "the network and batch size from the answer to the question in plain Keras `fit`, "
                "same files and epochs, in float32"),
            Row("scaled", "factor", "the network from the question, all images scaled", "fault=none"),
            Row("norm", "factor", "the network from the question, all images scaled, batch norm with momentum 0.99",
                "fault=none norm=batch norm.momentum=0.99"),
            Row("edit", "factor", "the second network from the question, all images scaled, 10 epochs",
                "fault=none model=flat_edit init=he_normal_conv trainer.epochs=10"),
        ],
        full=False,
    ),
    Case(
        "stuck_vgg16",
        [TRAIN[0], *VALIDATION, *TEST],
        [
            Row("float32", "symptom", "the network from the question, 3 epochs, with `trainer.precision=float32`",
                "trainer.precision=float32",
                "validation accuracy 10 ± 0.5 %, validation loss 2.30 ± 0.01", stuck, size="trainer.epochs=3"),
            Row("broken", "factor", "the network from the question, 3 epochs, with `trainer.precision=auto`",
                size="trainer.epochs=3"),
            Row("repaired", "fix", "the network from the question with batch norm, 3 epochs", "norm=batch",
                "validation accuracy > 60 % after 3 epochs", above("val/accuracy", 0.6), size="trainer.epochs=3"),
            Row("cnn_he", "control", "the smaller network from the question, which learns", "",
                "validation accuracy > 70 % after 5 epochs", above("val/accuracy", 0.7), preset="cnn_he",
                full="trainer.epochs=30 adversary=fgsm"),
        ],
    ),
    Case(
        "palm_vein",
        [TRAIN[1], *VALIDATION, *TEST, ("epochs to 95 % validation accuracy", "epochs_to_95", ".0f")],
        [
            Row("alexnet_bug", "control", "AlexNet with the bug", "model=palm_alexnet",
                "test accuracy > 95 %", above("test/accuracy", 0.95), size="trainer.epochs=60"),
            Row("alexnet", "control", "AlexNet without the bug", "model=palm_alexnet fault=none",
                "test accuracy > 95 %", above("test/accuracy", 0.95), size="trainer.epochs=60"),
            Row("broken", "symptom", "VGG-16 with the bug", "", "validation loss within 1 % of ln(classes)",
                at_chance, size="trainer.epochs=10"),
            Row("repaired", "fix", "VGG-16 without the bug, batch norm", "fault=none norm=batch",
                "test accuracy > 95 %", above("test/accuracy", 0.95)),
            Row("norm", "factor", "VGG-16 with the bug, batch norm", "norm=batch"),
            Row("reconnected", "factor", "VGG-16 without the bug", "fault=none", size="trainer.epochs=10"),
            Row("init", "factor", "VGG-16 without the bug, He initialisation", "fault=none init=he_normal"),
            Row("rate", "factor", "VGG-16 without the bug, learning rate 1e-4",
                "fault=none optim.learning_rate=1e-4"),
            Row("init_rate", "factor", "VGG-16 without the bug, He initialisation, learning rate 1e-4",
                "fault=none init=he_normal optim.learning_rate=1e-4"),
            Row("others", "control", "VGG-16 without the bug, batch norm, trained on other people (one more than in "
                "the row `transfer`, which therefore loads all layers except the classifier: its shape depends on the "
                "number of people)",
                "fault=none norm=batch data.first_person=1000", size="data.people=41", full="data.people=161"),
            Row("transfer", "fix", "VGG-16 without the bug, batch norm, started from the weights of `others`; "
                "all layers but the classifier at a tenth of the learning rate",
                "fault=none norm=batch model.fine_tune_rate=0.1",
                "test accuracy > 95 %; 95 % validation accuracy in fewer epochs than `repaired`", sooner,
                weights="others"),
            Row("broken_vgg19", "symptom", "VGG-19 with the bug", "model=palm_vgg19",
                "validation loss within 1 % of ln(classes)", at_chance, size="trainer.epochs=5"),
        ],
        size="data.people=40 data.images_per_person=40 data.size=96",
        cifar=False,
    ),
    Case(
        "matconvnet_parity",
        [TRAIN[0], VALIDATION[0], ("binary accuracy", "val/binary_accuracy", "%"), VALIDATION[1], *TEST],
        [
            Row("port", "symptom", "the Keras port"),
            Row("original", "control", "the original, as trained in MatConvNet", preset="matconvnet_original"),
            Row("port_norm", "fix", "the port with batch norm", "norm=batch"),
            Row("original_norm", "fix", "the original with batch norm", "norm=batch", preset="matconvnet_original"),
            Row("groups", "factor", "the port with the grouped convolution of the original", "model=matconvnet"),
            Row("init", "factor", "the port with the initialisation of the original", "init=gaussian_matconvnet"),
            Row("schedule", "factor", "the port with RMSprop at the learning rates of the original, 0.01 to 0.0001",
                "schedule=matconvnet"),
            Row("optim", "factor", "the port with the SGD of the original: learning rate 0.01 (0.02 for biases), "
                "momentum, weight decay",
                "optim=sgd_momentum_matconvnet"),
            Row("optim_schedule", "factor", "the port with the SGD and the schedule of the original",
                "optim=sgd_momentum_matconvnet schedule=matconvnet"),
            Row("answer", "factor", "the port with all settings that the answers to the question propose",
                "optim=sgd_momentum init=gaussian init.stddev=0.0125 schedule=matconvnet"),
        ],
        size="data.limit=3000",
        cifar=False,
    ),
]  # fmt: skip
