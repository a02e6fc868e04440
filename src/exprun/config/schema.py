"""Everything that can be set: one dataclass for each group, with types, ranges and allowed values.

A field that only some options of its group use says so with `only`; an option that does not use it
refuses it, and an option that uses it needs it. Nothing here imports TensorFlow.
"""

from dataclasses import asdict, fields
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from exprun.config.doctor import Doctor
from exprun.config.fields import STRICT, default_of, only_for, setting

Activation = Literal["relu", "leaky_relu", "elu", "selu", "gelu", "silu", "tanh", "sigmoid", "none"]
InitName = Literal[
    "glorot_uniform",
    "glorot_normal",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "orthogonal",
    "gaussian",
    "truncated_normal",
    "dirac",
    "whiten",
]
INIT_PARTS = ("first", "conv", "dense", "classifier")
STDDEV_INITS = ("gaussian", "truncated_normal")
MOMENTUM_OPTIMS = ("sgd_momentum", "nesterov", "rmsprop", "muon", "muon_nesterov")
ADAM_OPTIMS = ("adam", "adamw", "nadam", "muon")
DECOUPLED_OPTIMS = ("adamw", "lion", "muon", "muon_nesterov", "sgd", "sgd_momentum", "nesterov")
EPSILON_OPTIMS = (*ADAM_OPTIMS, "rmsprop", "adagrad")
MEAN_NORMS = ("batch", "layer", "group", "instance")


@dataclass(config=STRICT)
class Model:
    """The network: a list of layers, or a Python function that builds one."""

    name: str = setting("A label for tables and runs.")
    activation: Activation = setting("After each convolution and hidden dense layer that names no other.", "relu")
    layers: list[str | dict[str, Any]] | None = setting("The layers in order; the classifier is added.", None)
    builder: str | None = setting("`package.module:function(input_shape, classes)`, a Keras model of logits.", None)
    weights: str | None = setting("Start from these weights: a run's folder, its checkpoint, or a Keras file.", None)
    freeze: list[str] = setting("Layers that do not learn, by name or pattern: [conv*].", [])
    fine_tune_rate: float = setting(
        "Learning-rate multiplier of the layers that model.weights filled.", 1.0, gt=0, le=1
    )


@dataclass(config=STRICT)
class Data:
    """The images, their splits, and what is kept of them."""

    name: Literal["digits", "mnist", "fashion_mnist", "cifar10", "cifar100", "palm_vein", "image_folder", "arrays"] = (
        setting("Which set.")
    )
    root: str | None = setting("Folder (or .npz file) with the set's files.", None)
    cache: str = setting("Folder for decoded images.", "outputs/cache")
    size: int | None = setting("Height and width in pixels; null keeps those of the files.", None, ge=1, le=4096)
    channels: Literal[1, 3] | None = setting("1 grey, 3 colour; null keeps those of the files.", None)
    classes: list[str | int] | None = setting(
        "Keep these classes only, by name, or by number where no class has a number for its name.", None
    )
    limit: int | None = setting(
        "Keep this many training images, before the splits, and test images at most; of each class its share.",
        None,
        ge=2,
    )
    split_seed: int = setting("Draws the splits; stays fixed while `seed` varies.", 0, ge=0, lt=2**32)
    val_fraction: float = setting("Share of the training images held out for validation.", 0.1, ge=0.0, lt=1.0)
    test_fraction: float = setting(
        "Share held out for the test where the set has no test images of its own.", 0.1, ge=0.0, lt=1.0
    )
    validation: Literal["train", "test"] = setting("Validate on held-out training images, or on the test set.", "train")
    class_weights: Literal["none", "balanced"] | list[float] = setting("Weight of each class in the loss.", "none")
    people: int | None = setting("People, each a class of its own.", only=("palm_vein",), ge=2, le=10_000)
    images_per_person: int | None = setting("Images of each.", only=("palm_vein",), ge=2, le=10_000)
    first_person: int | None = setting(
        "Number of the first; other numbers are other people.", only=("palm_vein",), ge=0, le=1_000_000
    )
    corrupt: Literal["skip", "refuse"] | None = setting(
        "What to do with files that do not decode.", only=("image_folder",)
    )
    background: Literal["white", "black"] | Annotated[int, Field(ge=0, le=255)] = setting(
        "What transparent images are laid on: white, black, or a grey of 0 to 255.", "white", only=("image_folder",)
    )


@dataclass(config=STRICT)
class Input:
    """How pixels are scaled before the network."""

    name: Literal["raw", "unit", "symmetric", "center", "standardize", "per_image", "caffe"] = setting("Which scaling.")
    crop: int | None = setting("Crop a square of so many pixels: anywhere in training, the centre else.", None, ge=1)


@dataclass(config=STRICT)
class Augment:
    """Random changes of the training images; each is off unless set."""

    name: str = setting("A label for tables and runs.")
    flip: bool = setting("Mirror left and right, half of the time.", False)
    alternating_flip: bool = setting("Mirror every other epoch, half of the images first.", False)
    crop: int = setting("Shift by up to so many pixels; the border is mirrored.", 0, ge=0, le=512)
    cutout: int = setting("Blank a square of so many pixels.", 0, ge=0, le=2048)
    rotation: float = setting("Rotate by up to so many degrees.", 0.0, ge=0.0, le=180.0)
    zoom: float = setting("Zoom by up to this fraction.", 0.0, ge=0.0, lt=1.0)
    stretch: float = setting("Stretch height and width, each by its own draw up to this fraction.", 0.0, ge=0.0, lt=1.0)
    translation: float = setting("Move by up to this fraction of the width and height.", 0.0, ge=0.0, le=1.0)
    brightness: float = setting("Add up to this fraction of the full scale.", 0.0, ge=0.0, le=1.0)
    contrast: float = setting("Multiply the contrast by 1 ± this fraction.", 0.0, ge=0.0, lt=1.0)


@dataclass(config=STRICT)
class InitPart:
    """The initialisation of one kind of layer, where it differs from the rest."""

    name: InitName = setting("Which initialiser.")
    stddev: float | None = setting("Standard deviation.", only=STDDEV_INITS, gt=0.0, le=1e3)
    gain: float | None = setting("Factor on the orthogonal matrix.", only=("orthogonal",), gt=0.0, le=1e3)
    epsilon: float | None = setting("Added to the variances of the patches.", only=("whiten",), gt=0.0, le=1.0)
    bias: float = setting("Biases start at this.", 0.0, ge=-1e3, le=1e3)


@dataclass(config=STRICT)
class Init(InitPart):
    """How weights start; `first`, `conv`, `dense` and `classifier` may differ from the rest."""

    first: InitPart | None = setting("The first convolution, where it differs from the others.", None)
    conv: InitPart | None = setting("Convolutions, where they differ.", None)
    dense: InitPart | None = setting("Hidden dense layers, where they differ.", None)
    classifier: InitPart | None = setting("The last layer, where it differs.", None)


@dataclass(config=STRICT)
class Norm:
    """The normalisation layer after convolutions and hidden dense layers, before the activation."""

    name: Literal["none", "batch", "layer", "group", "instance", "lrn"] = setting("Which layer.")
    where: list[Literal["conv", "dense"]] | None = setting("After which layers.", only=(*MEAN_NORMS, "lrn"))
    momentum: float | None = setting("Of the moving averages.", only=("batch",), ge=0.0, lt=1.0)
    epsilon: float | None = setting("Added to the variance.", only=MEAN_NORMS, gt=0.0, le=1.0)
    scale: bool = setting("Whether it learns a scale (γ).", True)
    groups: int | None = setting(
        "Groups of channels; the largest divisor of the channels below it.", only=("group",), ge=1
    )
    depth_radius: int | None = setting("Channels to each side.", only=("lrn",), ge=1)
    bias: float | None = setting("k of the formula.", only=("lrn",), gt=0.0)
    alpha: float | None = setting("α of the formula, for each channel.", only=("lrn",), ge=0.0)
    beta: float | None = setting("β of the formula.", only=("lrn",), ge=0.0)


@dataclass(config=STRICT)
class Optim:
    """The optimiser, weight decay and gradient clipping."""

    name: Literal[
        "sgd",
        "sgd_momentum",
        "nesterov",
        "rmsprop",
        "adam",
        "adamw",
        "nadam",
        "adagrad",
        "lion",
        "muon",
        "muon_nesterov",
    ] = setting("Which optimiser.")
    learning_rate: float = setting("The rate that the schedule starts from.", gt=0.0, le=1e3)
    momentum: float | None = setting("Share of the last update kept.", only=MOMENTUM_OPTIMS, ge=0.0, lt=1.0)
    momentum_of: Literal["updates", "gradients"] = setting(
        "What momentum sums: updates, the rate inside (Keras), or gradients, the rate outside (MatConvNet, PyTorch).",
        "updates",
    )
    rest_momentum: float | None = setting(
        "Of all but the kernels of convolutions.", only=("muon_nesterov",), gt=0.0, lt=1.0
    )
    newton_schulz_steps: int | None = setting(
        "Iterations that make an update orthogonal.", only=("muon_nesterov",), ge=1, le=20
    )
    rho: float | None = setting("Decay of the squared gradient's average.", only=("rmsprop",), ge=0.0, lt=1.0)
    beta_1: float | None = setting("Decay of the gradient's average.", only=(*ADAM_OPTIMS, "lion"), ge=0.0, lt=1.0)
    beta_2: float | None = setting("Decay of the second average.", only=(*ADAM_OPTIMS, "lion"), ge=0.0, lt=1.0)
    epsilon: float | None = setting("Added to the denominator.", only=EPSILON_OPTIMS, gt=0.0, le=1.0)
    initial_accumulator: float | None = setting("Where the sum of squares starts.", only=("adagrad",), ge=0.0)
    bias_rate: float = setting("Learning-rate multiplier of all biases.", 1.0, ge=0.0, le=1e3)
    norm_rate: float = setting("Learning-rate multiplier of the norms' scales and shifts.", 1.0, ge=0.0, le=1e3)
    classifier_rate: float = setting("Learning-rate multiplier of the last layer.", 1.0, ge=0.0, le=1e3)
    weight_decay: float = setting("Weight decay.", 0.0, ge=0.0, le=1.0)
    decay: Literal["l2", "decoupled"] = setting("Decay inside the gradient, or apart from it and times the rate.", "l2")
    decay_exempt: list[Literal["norm", "bias"]] = setting("What weight decay leaves alone.", ["norm", "bias"])
    clip_norm: float | None = setting("Cut each gradient to this norm.", None, gt=0.0)
    clip_global_norm: float | None = setting("Cut all gradients together to this norm.", None, gt=0.0)
    clip_value: float | None = setting("Cut each element to this size.", None, gt=0.0)


@dataclass(config=STRICT)
class Schedule:
    """How the learning rate changes, described by epochs and applied at each step."""

    name: Literal[
        "constant",
        "step",
        "milestones",
        "exponential",
        "inverse_time",
        "cosine",
        "one_cycle",
        "triangular",
        "plateau",
        "by_epoch",
    ] = setting("Which schedule.")
    warmup_epochs: float = setting("Epochs in which the rate rises from zero in a straight line.", 0.0, ge=0.0)
    every_epochs: float | None = setting("Epochs between two steps.", only=("step",), gt=0.0)
    milestones: list[float] | None = setting(
        "Epochs after which the rate steps down.", only=("milestones",), min_length=1
    )
    factor: float | None = setting(
        "What the rate is multiplied by.",
        only=("step", "milestones", "exponential", "plateau"),
        gt=0.0,
        le=1.0,
    )
    decay_rate: float | None = setting("Decay per step.", only=("inverse_time",), ge=0.0)
    start_fraction: float | None = setting(
        "Of the rate, at the start.", only=("one_cycle", "triangular"), ge=0.0, le=1.0
    )
    peak_at: float | None = setting(
        "Share of the run before the peak.", only=("one_cycle", "triangular"), ge=0.0, lt=1.0
    )
    final_fraction: float | None = setting(
        "Of the rate, at the end.", only=("cosine", "one_cycle", "triangular"), ge=0.0, le=1.0
    )
    patience: int | None = setting("Evaluations without improvement.", only=("plateau",), ge=0)
    min_delta: float | None = setting("What counts as an improvement of the loss.", only=("plateau",), ge=0.0)
    rates: list[float] | None = setting(
        "Learning rate of each epoch; replaces optim.learning_rate.", only=("by_epoch",), min_length=1
    )


@dataclass(config=STRICT)
class Adversary:
    """Adversarial training: each batch is changed, within bounds, so that the loss grows."""

    name: Literal["none", "fgsm", "pgd"] = setting("Which attack.")
    epsilon: float | None = setting("The most a pixel value changes, of 255.", only=("fgsm", "pgd"), ge=0.0, le=255.0)
    steps: int | None = setting("Gradient steps of the attack.", only=("pgd",), ge=1, le=1000)
    step_size: float | None = setting("Change of a pixel value in one of them.", only=("pgd",), gt=0.0, le=255.0)
    random_start: bool | None = setting("Start anywhere within the bounds.", only=("pgd",))


@dataclass(config=STRICT)
class Fault:
    """A bug from real life, put in on purpose: to learn from, and to test diagnoses."""

    name: Literal[
        "none",
        "bypass_preprocessing",
        "unscaled_eval",
        "shuffled_labels",
        "softmax_twice",
        "frozen_layers",
        "wrong_loss",
        "missing_activation",
    ] = setting("Which bug.")


@dataclass(config=STRICT)
class Trainer:
    """The loop: how long, how precise, on what, and what is kept."""

    epochs: int = setting("Passes over the training images.", ge=1, le=1_000_000)
    batch_size: int = setting("Images in a step, over all devices.", ge=1, le=1_000_000)
    eval_batch_size: int = setting("Images in a step of an evaluation.", 256, ge=1, le=1_000_000)
    max_steps: int | None = setting("End after so many steps.", None, ge=1)
    max_seconds: float | None = setting("End after so many seconds of training and evaluation.", None, gt=0.0)
    patience: int | None = setting("End after so many evaluations without improvement.", None, ge=1)
    select: Literal["val/accuracy", "val/loss"] = setting(
        "Which validation figure chooses the best weights.", "val/accuracy"
    )
    metrics: list[Literal["binary_accuracy"]] = setting("Further figures of each evaluation.", [])
    gap: bool = setting("At the end, split the gap between training and validation into its causes.", False)
    tta: Literal["none", "mirror", "mirror_translate"] = setting(
        "Views of each test image whose logits are averaged, measured beside the plain figures.", "none"
    )
    label_smoothing: float = setting("Share of the target spread over all classes.", 0.0, ge=0.0, lt=1.0)
    ema: float | None = setting("Decay of averaged weights, used for every evaluation.", None, gt=0.0, lt=1.0)
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = setting(
        "Of the computation; weights stay float32.", "auto"
    )
    strategy: Literal["auto", "single", "mirrored", "multi_worker"] = setting("Devices to use.", "auto")
    jit: bool | Literal["auto"] = setting("Compile with XLA; auto: on GPUs only.", "auto")
    resident: bool | Literal["auto"] = setting("Keep the whole set on the device; auto: when it fits.", "auto")
    deterministic: bool = setting("The same bits at each repetition on the same machine.", False)
    threads: int | None = setting(
        "Threads used within one operation; null: one for each core that the process may use, or, where the run is "
        "deterministic, for each core of the machine.",
        None,
        ge=1,
        le=1024,
    )
    checkpoint: bool = setting("Write last and best weights.", True)
    resume: bool = setting("Go on from the checkpoint in run_dir.", False)
    overfit_batch: bool = setting("Train on one batch only: a network that cannot learn it has a fault.", False)
    dry_run: bool = setting("Build everything, one step and one evaluation batch, track nothing.", False)
    profile: bool = setting("Watch some steps: where their time goes, in a table and for TensorBoard.", False)
    log_every: int = setting("Steps between two logged training figures.", 10, ge=1)


@dataclass(config=STRICT)
class Tracking:
    """Where the run is logged."""

    name: Literal["mlflow", "none"] = setting("Which tracker.")
    uri: str | None = setting("MLflow server or store; null: MLFLOW_TRACKING_URI, else outputs/mlflow.db.", None)
    experiment: str | None = setting("MLflow experiment.", only=("mlflow",), min_length=1)
    run_name: str | None = setting("Name of the run; null: made from model, data and seed.", None)
    model: Literal["none", "keras", "checkpoint"] | None = setting("The model to log as an artifact.", only=("mlflow",))
    tags: dict[str, str | int | float | bool] | None = setting("Further tags of the run.", only=("mlflow",))


@dataclass(config=STRICT)
class Sweep:
    """Which runs a sweep consists of, what it does when its command is repeated, and when one of its runs fails."""

    name: Literal["grid", "one_factor", "tuned"] = setting("How runs are made of the values given.")
    combinations: list[dict[str, str | int | float | bool | None]] | None = setting(
        "Settings that go together, one mapping an arm: [{norm: none, optim: rmsprop}, {norm: batch}].", None
    )
    rates: list[float] | None = setting(
        "Multiples of each arm's own learning rate that are tried.", only=("tuned",), min_length=2, max_length=50
    )
    tuning_seed: int | None = setting(
        "Seed of the runs that choose the rate, which are not compared.", only=("tuned",), ge=0, lt=2**32
    )
    rerun: Literal["failed", "changed", "never", "always"] = setting(
        "When the same command comes again: unfinished and failed runs; these and all whose config, code or images "
        "have changed; unfinished ones only; or all in a new folder.",
        "failed",
    )
    on_failure: Literal["continue", "stop"] = setting("After a run that failed: go on, or end the sweep.", "continue")
    retries: int = setting("Further tries of a run that failed.", 0, ge=0, le=100)
    prune: Literal["none", "asha"] = setting("End runs early that are not among the best third so far.", "none")


@dataclass(config=STRICT)
class Config:
    """A whole run."""

    model: Model
    data: Data
    input: Input
    augment: Augment
    init: Init
    norm: Norm
    optim: Optim
    schedule: Schedule
    adversary: Adversary
    fault: Fault
    doctor: Doctor
    trainer: Trainer
    tracking: Tracking
    sweep: Sweep
    run_dir: str = setting("Folder of the run.", min_length=1)
    seed: int = setting("Of weights, order of images, augmentation and dropout.", 0, ge=0, lt=2**32)
    progress: Literal["auto", "rich", "plain", "quiet"] = setting("What the terminal shows.", "auto")


GROUPS = {
    f.name: f.type for f in fields(Config) if isinstance(f.type, type) and f.name not in ("run_dir", "seed", "progress")
}
GROUPS_APART = ("tracking", "doctor", "sweep")  # they decide nothing about what is learned


def known_keys() -> list[str]:
    """Every key of the schema, dotted: `optim.learning_rate`."""
    keys = [f.name for f in fields(Config) if f.name not in GROUPS]
    for group, kind in GROUPS.items():
        for field in fields(kind):
            keys.append(f"{group}.{field.name}")
            if group == "init" and field.name in INIT_PARTS:
                keys += [f"init.{field.name}.{part.name}" for part in fields(InitPart)]
    return keys


def defaults() -> dict[str, Any]:
    """What holds where no option file says otherwise: the settings that every option of a group uses."""
    found: dict[str, Any] = {}
    for group, kind in GROUPS.items():
        found[group] = {f.name: default_of(f) for f in fields(kind) if default_of(f) is not ... and not only_for(f)}
    return found


def settings(config: Config) -> dict[str, Any]:
    """A config as plain values, without the settings that its options do not use: what can be composed again."""
    found = asdict(config)
    for group, kind in GROUPS.items():
        found[group] = _used(found[group], kind)
    for part in INIT_PARTS:
        if found["init"][part] is not None:
            found["init"][part] = _used(found["init"][part], InitPart)
    return found


def _used(values: dict[str, Any], kind: Any) -> dict[str, Any]:
    only = {field.name: only_for(field) for field in fields(kind)}
    return {key: value for key, value in values.items() if not only[key] or values["name"] in only[key]}
