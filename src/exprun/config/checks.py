"""Checks of settings that do not fit each other, made before any data is read."""

import re

from exprun.config import budget
from exprun.config.applications import APPLICATIONS, IMAGENET
from exprun.config.datasets import class_numbers, facts_of
from exprun.config.errors import ConfigError, did_you_mean, one_line, without_password
from exprun.config.hub import PRESET
from exprun.config.images import FOLDER_GROUPS, REMOTE, TABLES, Augment, Data
from exprun.config.labels import check_labels
from exprun.config.layer_kinds import Block, Conv, Inverted, Layer, Residual
from exprun.config.layers import TooSmall, output_shape, parse, smallest_image
from exprun.config.network import APPLICATION, HUB, INIT_PARTS, Model
from exprun.config.network_size import network_size
from exprun.config.optimisation import DECOUPLED_OPTIMS
from exprun.config.schema import Config
from exprun.metrics import TOP, TOP5_ACCURACY

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
    _check_model(config, overridden)
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


def check_shape(config: Config, size: tuple[int, int], channels: int | None) -> None:
    """Refuse a layer list or an application that does not fit the images, or their crop.

    Args:
        config: the config of a run.
        size: the height and width of the images.
        channels: the number of channels of the images, or None if it is not known.

    Raises:
        ConfigError: the images are too small, or a layer cannot follow the layer before it.
    """
    if config.model.application is not None:
        _check_application_shape(config, network_input(config, size), channels)
    if config.model.layers is None:
        return
    layers, size = parse(config.model.layers), network_input(config, size)
    try:
        shape = output_shape(layers, (*size, channels or 3))
    except TooSmall:
        needed = smallest_image(layers, channels or 3)
        key, usual = ("data.size", 32) if config.input.crop is None else ("input.crop", 0)
        more = f"at least {needed}×{needed}" if needed else "larger ones"
        raise ConfigError(
            f"model={config.model.name} is too deep for images of {size[0]}×{size[1]} pixels: its pools and "
            f"convolutions need {more}, for example {key}={max(needed or 0, usual)}."
        ) from None
    first = layers[0] if layers else None
    if channels is not None and config.init.first is not None and config.init.first.name == "whiten":
        needed = 2 * first.kernel**2 * channels if isinstance(first, Conv) else 0
        stem = (first.conv, first.groups, first.dilation, first.repeat) if isinstance(first, Conv) else None
        if stem != (needed, 1, 1, 1):
            raise ConfigError(
                "init.first=whiten needs a first layer with 2 · kernel · kernel · channels filters, two for each "
                f"principal component of a patch: {{conv: {8 * channels}, kernel: 2}}."
            )
    if len(shape) != 1:
        raise ConfigError("model.layers must end in a vector of features: add flatten or {global_pool: avg}.")
    for fraction in config.schedule.sizes or ():
        _check_smaller(config, (*size, channels or 3), fraction)


def _check_smaller(config: Config, shape: tuple[int, int, int], fraction: float) -> None:
    """Refuse a network that cannot be trained on images of a fraction of their height and width.

    Args:
        config: the config of a run.
        shape: the height, width and channels of the network's input.
        fraction: the fraction, from `schedule.sizes`.
    """
    height, width = (max(1, round(side * fraction)) for side in shape[:2])
    try:
        sizes = [network_size(config.model, config.norm, (*s, shape[2]), 2) for s in (shape[:2], (height, width))]
    except TooSmall:
        raise ConfigError(
            f"schedule.sizes has {fraction:g}, but model={config.model.name} is too deep for images of "
            f"{height}×{width} pixels: choose larger sizes."
        ) from None
    whole, small = (size.weights for size in sizes)
    if changed := [name for name in whole if whole[name] != small[name]]:
        raise ConfigError(
            f"schedule.sizes needs a network for images of any size, but the number of weights of {changed[0]} depends "
            "on the size: choose a model that ends in global_pool instead of flatten, such as model=resnet20, and "
            "another norm than norm=layer."
        )


def _check_application_shape(config: Config, size: tuple[int, int], channels: int | None) -> None:
    """Refuse images that are too small for a network of keras.applications, or grey."""
    name = str(config.model.application)
    smallest = APPLICATIONS[name].smallest
    needs, has, remedies = [], [], []
    if min(size) < smallest:
        needs.append(f"at least {smallest}×{smallest} pixels")
        has.append(f"{size[0]}×{size[1]} pixels")
        remedies.append(f"{'data.size' if config.input.crop is None else 'input.crop'}={smallest}")
    if channels == 1:
        needs.append("three channels")
        has.append("one channel")
        remedies.append("data.channels=3")
    if needs:
        raise ConfigError(
            f"model.application={name} needs images of {' and '.join(needs)}, not of {' and '.join(has)}: set "
            f"{' '.join(remedies)}."
        )


def network_input(config: Config, size: tuple[int, int]) -> tuple[int, int]:
    """The height and width of the network's input: those of the crop, or of the images if they are not cropped.

    Args:
        config: the config of a run.
        size: the height and width of the images.
    """
    crop = config.input.crop
    return (crop, crop) if crop is not None and config.fault.name != "bypass_preprocessing" else size


def _check_model(config: Config, overridden: set[str]) -> None:
    model = config.model
    if model.teacher is not None and config.loss.name != "distillation":
        raise ConfigError(f"loss={config.loss.name} does not use model.teacher; it belongs to loss=distillation.")
    if model.teacher is None and config.loss.name == "distillation":
        raise ConfigError("loss=distillation needs model.teacher=…, the folder of a trained run.")
    ways = {key: getattr(model, key) for key in ("layers", "builder", "application", "preset")}
    given = [f"model.{key}" for key, value in ways.items() if value is not None]
    if not given:
        if model.name == APPLICATION:
            raise ConfigError(
                "model=application needs model.application=…, a network of keras.applications such as EfficientNetV2B0."
            )
        if model.name == HUB:
            raise ConfigError("model=hub needs model.preset=…, the folder or the name of a preset of KerasHub.")
        raise ConfigError("model=python needs model.builder=package.module:function.")
    if len(given) > 1:
        raise ConfigError(
            f"{given[0]} and {given[1]} exclude each other; model=python takes a builder, model=application a network "
            "of keras.applications, and model=hub a preset."
        )
    _check_application(model, overridden)
    layers = parse(model.layers or [])
    if model.stochastic_depth and not _has_blocks(layers):
        raise ConfigError(
            f"model.stochastic_depth={model.stochastic_depth} leaves out residual blocks, and model={model.name} has "
            "none in model.layers; leave it out, or choose another model, such as model=resnet20."
        )
    if model.builder is not None:
        if (
            not all(part.isidentifier() for part in model.builder.replace(":", ".", 1).split("."))
            or ":" not in model.builder
        ):
            raise ConfigError(f"model.builder is '{model.builder}', but must be written package.module:function.")
        unused = sorted(key for key in overridden if key.split(".")[0] in ("init", "norm"))
        if unused:
            raise ConfigError(
                f"model=python does not use {unused[0]}: a model from a builder has its own init and norm."
            )
        return
    if config.data.size is not None:
        check_shape(config, (config.data.size, config.data.size), config.data.channels)


def _has_blocks(layers: list[Layer]) -> bool:
    """Whether a layer list has residual blocks."""
    return any(
        isinstance(layer, Residual | Inverted) or (isinstance(layer, Block) and _has_blocks(parse(layer.block)))
        for layer in layers
    )


def _check_application(model: Model, overridden: set[str]) -> None:
    """Check the settings of a network of keras.applications or KerasHub, and refuse them for other networks."""
    name, preset = model.application, model.preset
    if name is None and preset is None:
        for key in ("pooling", "hidden", "head_dropout"):
            if getattr(model, key):
                raise ConfigError(
                    f"model={model.name} does not use model.{key}; it belongs to model=application and model=hub."
                )
    if name is None and model.norm_momentum is not None:
        raise ConfigError(f"model={model.name} does not use model.norm_momentum; it belongs to model=application.")
    if name is None and model.weights == IMAGENET:
        raise ConfigError(
            f"model={model.name} has no ImageNet weights: choose model=application model.application=VGG16 or "
            "another network of keras.applications, or name a file or a run."
        )
    if preset is None and model.weights == PRESET:
        raise ConfigError("model.weights=preset belongs to model=hub; name a file or a run.")
    if name is None and preset is None:
        return
    if name is not None and name not in APPLICATIONS:
        raise ConfigError(f"model.application={name} is not known; {did_you_mean(name, APPLICATIONS)}")
    inner = tuple(f"init.{part}" for part in ("first", "conv"))
    unused = [
        key for key in sorted(overridden) if key.split(".")[0] == "norm" or key.startswith(("model.activation", *inner))
    ]
    if unused:
        raise ConfigError(
            f"model.{'application' if name else 'preset'}={name or preset} does not use {unused[0]}: it has its own "
            "layers, and init initialises only its head, the layers of model.hidden and the classifier."
        )
    if name is None:
        return
    count = APPLICATIONS[name].stages
    for pattern in model.frozen:
        found = re.fullmatch(r"stage(\d+)(?:-(\d+))?", pattern)
        if found and not all(1 <= int(number) <= count for number in found.groups() if number):
            raise ConfigError(f"model.freeze={pattern}, but {name} has the stages 1 to {count}: write stage1-{count}.")


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
    if schedule.unfreeze is not None and schedule.unfreeze >= trainer.epochs:
        raise ConfigError(
            f"schedule.unfreeze={schedule.unfreeze} is not below trainer.epochs={trainer.epochs}, so only the head is "
            "trained: write model.freeze=backbone for that."
        )
    _check_sizes(config)
    if schedule.rates is not None and not all(0 <= rate <= 1e3 for rate in schedule.rates):
        raise ConfigError("schedule.rates must lie between 0 and 1000.")


def _check_sizes(config: Config) -> None:
    sizes = config.schedule.sizes
    if sizes is None:
        return
    if sorted(set(sizes)) != sizes or not 0 < sizes[0] <= sizes[-1] <= 1:
        raise ConfigError(
            f"schedule.sizes={sizes} must rise, from above 0 to at most 1, such as schedule.sizes=[0.5,0.75,1]."
        )
    if len(sizes) > config.trainer.epochs:
        raise ConfigError(
            f"schedule.sizes has {len(sizes)} sizes, more than trainer.epochs={config.trainer.epochs}: leave out some."
        )
    if config.model.layers is None:
        raise ConfigError("schedule.sizes needs model.layers; it cannot resize the images of another network.")
    if config.model.teacher is not None:
        raise ConfigError(
            "schedule.sizes excludes loss=distillation, because the teacher takes whole images: leave one out."
        )


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
