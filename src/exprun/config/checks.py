"""Checks of settings that do not fit each other, made before any data is read."""

import re

from exprun.config import budget
from exprun.config.datasets import class_numbers, facts_of
from exprun.config.errors import ConfigError, one_line, without_password
from exprun.config.images import FOLDER_GROUPS, REMOTE, STREAM, TABLES, Augment, Data
from exprun.config.labels import check_labels
from exprun.config.model_checks import check_model
from exprun.config.network import INIT_PARTS
from exprun.config.optimisation import DECOUPLED_OPTIMS
from exprun.config.schema import Config
from exprun.config.sizes import check_sizes
from exprun.metrics import TOP, TOP5_ACCURACY

MAX_WORKERS = 1024  # processes of a sweep
MAX_LISTED = 10  # folds that an error lists one by one


def check(config: Config, overridden: set[str]) -> None:
    """Refuse a config whose settings do not fit each other.

    Args:
        config: a config whose types and ranges are valid.
        overridden: the keys and groups that a person has set.

    Raises:
        ConfigError: the config breaks a rule; the message is one sentence on the first rule that it breaks.
    """
    _check_input(config)
    _check_init(config)
    _check_sweep(config)
    check_model(config, overridden)
    _check_data(config)
    check_labels(config)
    _check_folds(config.data, overridden)
    _check_group(config.data)
    _check_batches(config)
    _check_augment(config.augment, overridden)
    _check_optimisation(config)
    _check_run(config)
    _check_select(config)
    _check_fault(config)


def _check_init(config: Config) -> None:
    init = config.init
    for key, part in {"init": init, **{f"init.{name}": getattr(init, name) for name in INIT_PARTS}}.items():
        if part is not None and part.name == "whiten" and key != "init.first":
            raise ConfigError(f"{key}.name=whiten is for the first convolution only: write init.first.name=whiten.")


def _check_sweep(config: Config) -> None:
    sweep = config.sweep
    if not all(rate > 0 for rate in sweep.rates or ()):
        raise ConfigError("sweep.rates must be above 0.")
    budget.parse(sweep.budget)
    if sweep.workers != "auto" and not 1 <= sweep.workers <= MAX_WORKERS:
        raise ConfigError(
            f"sweep.workers={sweep.workers}, but it must be auto, or a number between 1 and {MAX_WORKERS}."
        )
    if sweep.workers not in ("auto", 1) and config.trainer.strategy == "multi_worker":
        raise ConfigError(
            f"sweep.workers={sweep.workers} excludes trainer.strategy=multi_worker, which trains each run on all "
            "machines: leave one out."
        )
    for key in ("margin", "budget"):
        if sweep.name != "decide" and getattr(sweep, key) is not None:
            raise ConfigError(f"sweep={sweep.name} does not use sweep.{key}; it belongs to sweep=decide.")
    if sweep.name == "decide" and config.data.folds is not None:
        raise ConfigError(
            "sweep=decide adds seeds, but with data.folds the runs are repeated by fold: leave out data.folds and "
            "data.fold, or choose sweep=grid."
        )


def _check_input(config: Config) -> None:
    crop, size = config.input.crop, config.data.size
    if config.input.name == "preset" and config.model.preset is None:
        raise ConfigError("input=preset belongs to model=hub, with model.preset=….")
    if config.input.name in ("caffe", "imagenet") and config.data.channels == 1:
        raise ConfigError(f"input={config.input.name} needs images of three channels; set data.channels=3.")
    if crop is not None and size is not None and crop > size:
        raise ConfigError(f"input.crop={crop} is more than data.size={size}.")


def _check_data(config: Config) -> None:
    data = config.data
    if data.name in ("image_folder", "arrays", *TABLES) and data.root is None:
        what = "the CSV file that lists your images" if data.name == "csv" else "the path of your images"
        raise ConfigError(f"data={data.name} needs data.root=…, {what}.")
    if data.split is not None and data.name not in TABLES:
        raise ConfigError(
            f"data={data.name} does not use data.split; it belongs to data={', '.join(TABLES[:-1])} and {TABLES[-1]}."
        )
    if data.root is not None and "://" in data.root and data.name not in REMOTE:
        raise ConfigError(
            f"data={data.name} reads files of this machine only, not data.root={without_password(data.root)}: choose "
            f"data={', '.join(REMOTE[:-1])} or {REMOTE[-1]}, or copy the files."
        )
    if data.decode == STREAM:
        _check_streamed(data)
    facts = facts_of(data)
    classes = data.classes
    if classes is not None:
        if len(classes) < 2 or len({str(c) for c in classes}) < len(classes):
            raise ConfigError("data.classes must name at least two classes, each once.")
        # The class names of CIFAR-100 are checked when its files are read, because they are not known before.
        if facts and not (data.name == "cifar100" and any(isinstance(name, str) for name in classes)):
            class_numbers(classes, facts.classes, f"data={data.name}")
    count = len(classes) if classes is not None else len(facts.classes) if facts else None
    weights = data.class_weights
    if isinstance(weights, list):
        if count is not None and len(weights) != count:
            raise ConfigError(f"data.class_weights has {len(weights)} weights for {count} classes.")
        if min(weights, default=0.0) < 0 or not sum(weights) > 0:
            raise ConfigError("data.class_weights must not be negative, and at least one must be above 0.")
    if weights != "none" and config.loss.class_balance is not None:
        raise ConfigError(
            "data.class_weights and loss.class_balance both weight the classes: choose data.class_weights=none or "
            "loss.class_balance=null."
        )
    if data.limit is not None and count is not None and data.limit < 2 * count:
        raise ConfigError(f"data.limit={data.limit} leaves fewer than two images for each of the {count} classes.")
    if data.folds is None and data.val_fraction + data.test_fraction >= 1:
        raise ConfigError(
            f"data.val_fraction={data.val_fraction} and data.test_fraction={data.test_fraction} "
            "leave nothing to train on."
        )
    if data.validation == "train" and data.val_fraction == 0 and data.folds is None:
        raise ConfigError("data.val_fraction=0 leaves nothing to validate on; set it above 0, or data.validation=test.")
    no_test = facts is not None and facts.test == 0 and data.test_fraction == 0
    if data.validation == "test" and no_test:
        raise ConfigError("data.validation=test needs test images; set data.test_fraction above 0.")


def _check_streamed(data: Data) -> None:
    if data.size is None:
        raise ConfigError(
            f"data.decode={STREAM} needs the size of the images before they are decoded: set data.size, for example "
            "data.size=224."
        )
    if "://" in str(data.root):
        raise ConfigError(
            f"data.decode={STREAM} reads files of this machine only, not data.root={without_password(str(data.root))}: "
            "copy the files, or set data.decode=before."
        )


def _check_folds(data: Data, overridden: set[str]) -> None:
    folds, fold = data.folds, data.fold
    if folds is None:
        if fold is not None:
            raise ConfigError(f"data.fold={fold} needs data.folds, the number of folds: add data.folds=5.")
        return
    if fold is None:
        every = ",".join(map(str, range(folds))) if folds <= MAX_LISTED else f"range(0,{folds})"
        raise ConfigError(
            f"data.folds={folds} needs data.fold, the fold to validate on: add data.fold=0, or for all folds -m "
            f"'data.fold={every}'."
        )
    if fold >= folds:
        raise ConfigError(f"data.fold={fold}, but data.folds={folds} numbers the folds from 0 to {folds - 1}.")
    if data.validation == "test":
        raise ConfigError("data.validation=test excludes data.folds, because each fold is a validation set of its own.")
    if "data.val_fraction" in overridden:
        raise ConfigError(
            f"data.folds={folds} excludes data.val_fraction, because the fold is the validation set: leave one out."
        )


def _check_group(data: Data) -> None:
    group = data.group
    if group is None:
        return
    if data.name not in ("image_folder", "arrays", *TABLES):
        raise ConfigError(
            f"data={data.name} has no groups: data.group belongs to data sets of your own, such as data=image_folder "
            "and data=csv."
        )
    if data.name != "image_folder" or group in FOLDER_GROUPS:
        return
    start = f"data.group={group} must be {' or '.join(FOLDER_GROUPS)}, or a pattern with one group in parentheses"
    example = "such as '(patient\\d+)_'"
    try:
        count = re.compile(group).groups
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(f"{start}, {example}: {one_line(error)}.") from None
    if count != 1:
        raise ConfigError(f"{start}, {example}, but it has {count or 'none'}.")


def _check_batches(config: Config) -> None:
    trainer, data = config.trainer, config.data
    if facts := facts_of(data):
        images = float(facts.train)
        if data.classes is not None:
            images *= len(data.classes) / len(facts.classes)
        images = min(images, data.limit or images)
        if data.folds is not None:
            images *= (1 - 1 / data.folds) * (1 - data.test_fraction if facts.test == 0 else 1)
        elif facts.test == 0:
            images *= 1 - data.test_fraction - (data.val_fraction if data.validation == "train" else 0)
        elif data.validation == "train":
            images *= 1 - data.val_fraction
        # The splits are rounded class by class, so for a batch just above this estimate the loader decides.
        if trainer.batch_size > images * 1.05 + 10:
            raise ConfigError(
                f"trainer.batch_size={trainer.batch_size}, but there are only about {round(images)} training images."
            )

    if trainer.batch_size % trainer.accumulate:
        raise ConfigError(
            f"trainer.batch_size={trainer.batch_size} cannot be split evenly by trainer.accumulate="
            f"{trainer.accumulate}."
        )


def _check_augment(augment: Augment, overridden: set[str]) -> None:
    if augment.flip and augment.alternating_flip:
        raise ConfigError("augment.flip and augment.alternating_flip exclude each other.")
    if "augment.randaugment_ops" in overridden and not augment.randaugment:
        raise ConfigError("augment.randaugment_ops needs a strength above 0: set augment.randaugment, such as to 0.9.")


def _check_optimisation(config: Config) -> None:
    optim, schedule, trainer = config.optim, config.schedule, config.trainer
    if optim.decay == "decoupled" and optim.name not in DECOUPLED_OPTIMS:
        raise ConfigError(f"optim={optim.name} has no decoupled decay; use optim.decay=l2, or optim=adamw.")
    if optim.momentum_of == "gradients" and optim.name not in ("sgd_momentum", "nesterov"):
        raise ConfigError("optim.momentum_of=gradients belongs to optim=sgd_momentum and optim=nesterov.")
    if sum(x is not None for x in (optim.clip_norm, optim.clip_global_norm, optim.clip_value)) > 1:
        raise ConfigError("Only one of optim.clip_norm, optim.clip_global_norm and optim.clip_value can be set.")
    if schedule.warmup_epochs and schedule.warmup_epochs >= trainer.epochs:
        raise ConfigError(
            f"schedule.warmup_epochs={schedule.warmup_epochs} is not below trainer.epochs={trainer.epochs}."
        )
    check_sizes(config)
    if schedule.unfreeze is not None and schedule.unfreeze >= trainer.epochs:
        raise ConfigError(
            f"schedule.unfreeze={schedule.unfreeze} is not below trainer.epochs={trainer.epochs}, so only the head is "
            "trained: write model.freeze=backbone for that."
        )
    if schedule.rates is not None and not all(0 <= rate <= 1e3 for rate in schedule.rates):
        raise ConfigError("schedule.rates must lie between 0 and 1000.")


def _check_run(config: Config) -> None:
    trainer = config.trainer
    if trainer.deterministic and trainer.jit is True:
        raise ConfigError(
            "trainer.jit=true excludes trainer.deterministic=true, because XLA's max pooling has no deterministic "
            "gradient."
        )
    if trainer.max_seconds is not None and trainer.strategy == "multi_worker":
        raise ConfigError(
            "trainer.strategy=multi_worker excludes trainer.max_seconds, because all workers must end at the same "
            "step; use trainer.max_steps."
        )
    if trainer.swa_start is not None and trainer.ema is not None:
        raise ConfigError("trainer.ema and trainer.swa_start both average the weights: leave one out.")
    if trainer.swa_start is not None and trainer.swa_start >= trainer.epochs:
        raise ConfigError(
            f"trainer.swa_start={trainer.swa_start}, but it must be below trainer.epochs={trainer.epochs}, so that at "
            "least two epochs are averaged."
        )
    if config.model.fine_tune_rate != 1.0 and config.model.weights is None:
        raise ConfigError("model.fine_tune_rate is for loaded layers, so it needs model.weights=….")
    if trainer.resume and not trainer.checkpoint:
        raise ConfigError("trainer.resume=true needs checkpoints: set trainer.checkpoint=true.")
    if config.tracking.model == "checkpoint" and not trainer.checkpoint:
        raise ConfigError("tracking.model=checkpoint needs checkpoints: set trainer.checkpoint=true.")
    _check_register(config)
    if "\0" in config.run_dir:
        raise ConfigError("run_dir contains a character that is not allowed in a path.")


def _check_register(config: Config) -> None:
    name = config.tracking.register
    if name is None:
        return
    if config.tracking.name == "none":
        raise ConfigError("tracking=none does not use tracking.register; it belongs to tracking=mlflow.")
    if config.tracking.model not in ("mlflow", "keras"):
        raise ConfigError(
            f"tracking.register={name} needs the file of a model: add tracking.model=mlflow or tracking.model=keras."
        )
    if not name.strip() or set(name) & set("/:"):
        raise ConfigError(f"tracking.register is '{name}', but a name in MLflow's registry contains neither / nor :.")


def _check_select(config: Config) -> None:
    facts, chosen = facts_of(config.data), config.data.classes
    classes = None if facts is None else len(facts.classes if chosen is None else chosen)
    if config.trainer.select == f"val/{TOP5_ACCURACY}" and classes is not None and classes <= TOP:
        raise ConfigError(
            f"trainer.select=val/{TOP5_ACCURACY} needs more than {TOP} classes, and there are {classes}; choose "
            "another, such as val/accuracy."
        )


def _check_fault(config: Config) -> None:
    fault = config.fault.name
    if fault == "bypass_preprocessing" and config.input.name == "raw" and config.input.crop is None:
        raise ConfigError("fault=bypass_preprocessing needs a scaling to bypass: choose an input other than input=raw.")
    if fault == "missing_activation" and config.model.layers is None:
        raise ConfigError("fault=missing_activation needs model.layers; it cannot change a model from a builder.")
