"""Everything that can be set: one dataclass for each group, with types, ranges and allowed values.

If only some options of a group use a field, its `only` lists them: these options have to set the field, and all other
options refuse it. Nothing here imports TensorFlow.
"""

from dataclasses import asdict, fields
from functools import cache
from typing import Any, Literal

from pydantic.dataclasses import dataclass

from exprun.config.doctor import Doctor
from exprun.config.fields import STRICT, default_of, only_for, setting
from exprun.config.images import Adversary, Augment, Data, Input
from exprun.config.network import INIT_PARTS, Init, InitPart, Model, Norm
from exprun.config.optimisation import Optim, Schedule


@dataclass(config=STRICT)
class Loss:
    """The loss of an image, and how much each class counts."""

    name: Literal["cross_entropy", "focal", "distillation"] = setting("Loss of an image.")
    gamma: float | None = setting(
        "Focusing parameter: the cross-entropy of an image is multiplied by (1 − p)^γ, where p is the probability of "
        "its class. With 0, it is the cross-entropy.",
        only=("focal",),
        ge=0.0,
        le=10.0,
    )
    teacher_share: float | None = setting(
        "Share of the loss that compares the outputs with those of `model.teacher`; the rest is that of the labels.",
        only=("distillation",),
        gt=0.0,
        le=1.0,
    )
    temperature: float | None = setting(
        "Temperature T by which the logits of both networks are divided before they are compared.",
        only=("distillation",),
        gt=0.0,
        le=1e3,
    )
    label_smoothing: float = setting(
        "Fraction of the target probability that is spread over all classes in training.", 0.0, ge=0.0, lt=1.0
    )
    class_balance: float | None = setting(
        "β of the class-balanced loss: in training, a class of n images has the weight (1 − β) / (1 − β^n), scaled so "
        "that the mean over the training images is 1.",
        None,
        ge=0.0,
        lt=1.0,
    )


@dataclass(config=STRICT)
class Fault:
    """A real-world bug that is injected, to study it or to test diagnoses."""

    name: Literal[
        "none",
        "bypass_preprocessing",
        "unscaled_eval",
        "shuffled_labels",
        "softmax_twice",
        "frozen_layers",
        "wrong_loss",
        "missing_activation",
    ] = setting("Bug that is injected.")


@dataclass(config=STRICT)
class Trainer:
    """The training loop: its length, precision and devices, and what it keeps."""

    epochs: int = setting("Number of epochs: passes over the training images.", ge=1, le=1_000_000)
    batch_size: int = setting("Number of images in a training batch, over all devices.", ge=1, le=1_000_000)
    accumulate: int = setting(
        "Number of parts into which a batch is split. Their gradients add up, so that only a part has to fit into "
        "memory.",
        1,
        ge=1,
        le=1_000_000,
    )
    eval_batch_size: int = setting("Number of images in an evaluation batch.", 256, ge=1, le=1_000_000)
    max_steps: int | None = setting("Number of steps after which training ends.", None, ge=1)
    max_seconds: float | None = setting("Seconds of training and evaluation after which training ends.", None, gt=0.0)
    patience: int | None = setting(
        "Number of evaluations without improvement after which training ends (early stopping).", None, ge=1
    )
    select: Literal[
        "val/accuracy",
        "val/loss",
        "val/balanced_accuracy",
        "val/macro_f1",
        "val/top5_accuracy",
        "val/auroc",
        "val/subset_accuracy",
        "val/micro_f1",
        "val/mean_average_precision",
        "val/mean_absolute_error",
        "val/quadratic_weighted_kappa",
    ] = setting("Validation metric that chooses the best weights.", "val/accuracy")
    metrics: list[Literal["binary_accuracy"]] = setting("Additional metrics that each evaluation measures.", [])
    gap: bool = setting("Whether the generalisation gap is split into its causes at the end of the run.", False)
    tta: Literal["none", "mirror", "mirror_translate"] = setting(
        "Test-time augmentation: the views of each test image over which logits are averaged. Metrics "
        "with and without it are recorded.",
        "none",
    )
    ema: float | None = setting(
        "Decay of a moving average of the weights; every evaluation uses this average.", None, gt=0.0, lt=1.0
    )
    swa_start: int | None = setting(
        "Number of epochs after which stochastic weight averaging begins: the weights at the end of this epoch and of "
        "each later one are averaged, and every evaluation from then on uses this average.",
        None,
        ge=1,
    )
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = setting(
        "Precision of the computation; weights stay float32.", "auto"
    )
    strategy: Literal["auto", "single", "mirrored", "multi_worker"] = setting("Devices to train on.", "auto")
    jit: bool | Literal["auto"] = setting(
        "Whether the step is compiled with XLA; auto compiles it on GPUs only.", "auto"
    )
    resident: bool | Literal["auto"] = setting(
        "Whether the whole data set is kept on the device; auto keeps it there if it fits.", "auto"
    )
    deterministic: bool = setting("Whether repeated runs on the same machine give bit-identical results.", False)
    threads: int | None = setting(
        "Number of threads within one operation; null uses one thread for each available core or, if the "
        "run is deterministic, one thread for each core of the machine.",
        None,
        ge=1,
        le=1024,
    )
    checkpoint: bool = setting("Whether the last and the best weights are saved.", True)
    resume: bool = setting("Whether the run resumes from the checkpoint in `run_dir`, if there is one.", False)
    overfit_batch: bool = setting(
        "Whether to train on one batch only: a network that cannot learn this batch has a bug.", False
    )
    dry_run: bool = setting(
        "Whether the run only builds everything and computes one step and one evaluation batch, without tracking.",
        False,
    )
    profile: bool = setting(
        "Whether some steps are profiled: the run writes a table of the time that each layer takes, and "
        "files for TensorBoard.",
        False,
    )
    log_every: int = setting("Number of steps between two log entries of training metrics.", 10, ge=1)


@dataclass(config=STRICT)
class Tracking:
    """Where the run is recorded."""

    name: Literal["mlflow", "none"] = setting("Tracker that records the run.")
    uri: str | None = setting(
        "MLflow server or store; null uses the environment variable MLFLOW_TRACKING_URI or, if that is "
        "not set, outputs/mlflow.db.",
        None,
    )
    experiment: str | None = setting("MLflow experiment that the run belongs to.", only=("mlflow",), min_length=1)
    run_name: str | None = setting("Name of the run; null builds the name from model, data and seed.", None)
    model: Literal["none", "keras", "mlflow", "checkpoint"] | None = setting(
        "Form in which the model is uploaded to MLflow. keras: a Keras file; mlflow: a model that mlflow models serve "
        "loads; checkpoint: the files in checkpoints/.",
        only=("mlflow",),
    )
    register: str | None = setting(
        "Name in MLflow's registry under which the model gets a new version; null registers nothing.",
        None,
        min_length=1,
    )
    also: list[Literal["tensorboard", "wandb"]] = setting(
        "Further trackers that record the run. tensorboard: files for TensorBoard in the run folder; wandb: Weights & "
        "Biases.",
        [],
    )
    system_metrics: bool = setting(
        "Whether the use of processors, memory, disk, network and GPUs is recorded every 10 seconds.", False
    )
    tags: dict[str, str | int | float | bool] | None = setting(
        "Additional tags of the run in MLflow.", only=("mlflow",)
    )


@dataclass(config=STRICT)
class Sweep:
    """The runs of a sweep, and what happens when the sweep is repeated or a run fails."""

    name: Literal["grid", "one_factor", "tuned", "decide"] = setting("Which runs a sweep starts from the given values.")
    combinations: list[dict[str, str | int | float | bool | None]] | None = setting(
        "Settings that belong together, one mapping for each arm: [{norm: none, optim: rmsprop}, {norm: batch}].", None
    )
    rates: list[float] | None = setting(
        "Factors by which each arm's own learning rate is multiplied in the tuning runs.",
        only=("tuned",),
        min_length=2,
        max_length=50,
    )
    tuning_seed: int | None = setting(
        "Seed of the tuning runs, which choose the learning rate and are not compared.", only=("tuned",), ge=0, lt=2**32
    )
    goal: Literal["best", "effects"] | None = setting(
        "What is decided. best: which setting is the best; effects: which differences of the design are not 0.",
        only=("decide",),
    )
    metric: str | None = setting("Final metric by which the sweep decides.", only=("decide",), min_length=1)
    max_seeds: int | None = setting(
        "Number of seeds that a setting gets at most; the levels of all looks are planned for it.",
        only=("decide",),
        ge=3,
        le=50,
    )
    margin: float | None = setting(
        "Difference that does not matter, in points for accuracies, otherwise in units of the metric; a deciding sweep "
        "also ends when all remaining differences are shown to be smaller.",
        None,
        gt=0.0,
    )
    budget: int | str | None = setting(
        "Number of runs, such as 40, or time of training over all runs, such as 2h, at which a deciding sweep ends.",
        None,
    )
    rerun: Literal["failed", "changed", "never", "always"] = setting(
        "Which runs a repeated command trains. failed: unfinished and failed runs; changed: also runs "
        "whose config, code or images have changed; never: unfinished runs only; always: all runs, in a "
        "new folder.",
        "failed",
    )
    on_failure: Literal["continue", "stop"] = setting(
        "What happens after a run has failed: continue starts the next run, stop ends the sweep.", "continue"
    )
    retries: int = setting("Number of times that a failed run is started again.", 0, ge=0, le=100)
    workers: int | Literal["auto"] = setting(
        "Number of processes that train the runs of a sweep side by side, each on its share of the cores. 1: one run "
        "after the other; auto: as many as are fastest.",
        "auto",
    )
    prune: Literal["none", "asha"] = setting(
        "Whether runs are pruned early: asha ends runs that are not among the best third so far.", "none"
    )


@dataclass(config=STRICT)
class Config:
    """All settings of a run."""

    model: Model
    data: Data
    input: Input
    augment: Augment
    init: Init
    norm: Norm
    optim: Optim
    loss: Loss
    schedule: Schedule
    adversary: Adversary
    fault: Fault
    doctor: Doctor
    trainer: Trainer
    tracking: Tracking
    sweep: Sweep
    run_dir: str = setting("Folder of the run.", min_length=1)
    seed: int = setting(
        "Seed of the initial weights, the order of images, augmentation and dropout.", 0, ge=0, lt=2**32
    )
    progress: Literal["auto", "rich", "plain", "quiet"] = setting("What the terminal shows while a run trains.", "auto")
    pictures: bool = setting("Whether a run ends with a page of plots and images, `page.html` in its folder.", True)


UNGROUPED = ("run_dir", "seed", "progress", "pictures")
GROUPS = {f.name: f.type for f in fields(Config) if isinstance(f.type, type) and f.name not in UNGROUPED}
GROUPS_APART = ("tracking", "doctor", "sweep")  # these groups do not affect what a network learns


@cache
def known_keys() -> tuple[str, ...]:
    """Every key of the schema, dotted: `optim.learning_rate`."""
    keys = [f.name for f in fields(Config) if f.name not in GROUPS]
    for group, kind in GROUPS.items():
        for field in fields(kind):
            keys.append(f"{group}.{field.name}")
            if group == "init" and field.name in INIT_PARTS:
                keys += [f"init.{field.name}.{part.name}" for part in fields(InitPart)]
    return tuple(keys)


def defaults() -> dict[str, Any]:
    """The defaults of all keys that every option of their group uses, by group; option files may set other values."""
    values: dict[str, Any] = {}
    for group, kind in GROUPS.items():
        values[group] = {f.name: default_of(f) for f in fields(kind) if default_of(f) is not ... and not only_for(f)}
    return values


def settings(config: Config) -> dict[str, Any]:
    """A config as plain values that can be composed again, without the settings that its options do not use."""
    values = asdict(config)
    for group, kind in GROUPS.items():
        values[group] = _used(values[group], kind)
    for part in INIT_PARTS:
        if values["init"][part] is not None:
            values["init"][part] = _used(values["init"][part], InitPart)
    return values


def _used(values: dict[str, Any], kind: Any) -> dict[str, Any]:
    only = {field.name: only_for(field) for field in fields(kind)}
    return {key: value for key, value in values.items() if not only[key] or values["name"] in only[key]}
