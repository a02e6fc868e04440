"""The doctor of a run: the subject that it examines, and the listener that watches."""

import contextlib
import json
import logging
import math
import shlex
import weakref
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from exprun.config.applications import APPLICATIONS, IMAGENET
from exprun.config.doctor import Doctor
from exprun.config.errors import RunError, UserError
from exprun.config.images import TABLES, Input
from exprun.config.paths import user_path
from exprun.config.schema import Config, Fault
from exprun.data import Dataset, Split
from exprun.data.group_names import are_splits_given, suggested
from exprun.data.stream import at_most, hashes_of, is_decoded
from exprun.doctor.cause import Finding, Phase
from exprun.doctor.context import Context
from exprun.doctor.diagnosis import BEFORE_TRAINING, Diagnosis, examine, write_findings
from exprun.doctor.history import Epoch
from exprun.doctor.instruments.chance import ChanceLevel
from exprun.doctor.instruments.kinship import NameGroups
from exprun.doctor.instruments.leaks import Prints, digests, prints_of
from exprun.doctor.instruments.losses import objective_of
from exprun.doctor.instruments.objective import Objective
from exprun.doctor.probes import Probes
from exprun.doctor.subject import ExpectedInputs, Images, Pace, Subject
from exprun.doctor.watch import Watch
from exprun.input import Preprocessing, Scaling, channel_moments, fit
from exprun.label_chance import chance_of
from exprun.loss import LossOfSeveralLabels, LossOfSoftLabels
from exprun.network_interface import Interface
from exprun.remedies import overrides_for
from exprun.run_folder import RunFolder
from exprun.schedule import rate_at
from exprun.trainer.events import Diagnosed, Emit, EpochDone, Evaluated, Event, RunStarted, StepsDone
from exprun.trainer.memory import available, passed

if TYPE_CHECKING:
    from exprun.assembly import Assembly, Prepared
    from exprun.trainer.step import Step

log = logging.getLogger(__name__)
MAX_COMPARED = 8 * 2**20  # bytes of images that are passed through a network to compare with
INPUTS = 256  # images that are scaled as the network takes them, unless they are so large that memory limits them:
MAX_INPUTS, SAMPLE = 2**28, 4  # bytes of images that are scaled, and how many times that of images that are looked at
FEW = 2  # images of any size that are looked at
# The same without a network, which needs whole images: the pixels of an image, those of an image that is compared with
# others, whose mirrored and shifted copies are only found pixel for pixel, and the bytes of images that are scaled.
THIN_PIXELS, THIN_COMPARED, THIN_INPUTS = 2**15, 2**17, 2**25


# The last data set and the last step that were examined, each with the settings used and the findings.
_examined: dict[type, tuple[weakref.ref[Any], str, list[Finding]]] = {}


def _once(subject: "Dataset | Step", settings: str, examine: Callable[[], list[Finding]]) -> list[Finding]:
    """The findings about the images alone, or about the step, made once for all runs that share them.

    Args:
        subject: the data set, or the step.
        settings: the settings that the findings depend on.
        examine: examines the subject.
    """
    last, last_settings, findings = _examined.get(type(subject), (lambda: None, "", []))
    if last() is not subject or last_settings != settings:
        findings = examine()
        _examined[type(subject)] = weakref.ref(subject), settings, findings
    return findings


def subject_of(config: Config, assembly: "Assembly", steps_per_epoch: int, steps: int) -> Subject:
    """The subject that the doctor examines in a run; it does not show which fault was injected.

    Args:
        config: the config of the run, with the fault removed.
        assembly: the images, the network and the step of the run.
        steps_per_epoch: the number of steps in an epoch.
        steps: the number of steps of the whole run.
    """
    dataset, step = assembly.dataset, assembly.step
    numbers = np.unique(np.linspace(0, max(0, steps - 1), min(200, max(1, steps))).astype(np.int64))
    rates = rate_at(config.schedule, config.optim.learning_rate, numbers, steps_per_epoch, steps)
    decay = config.optim.weight_decay if config.optim.decay == "decoupled" else 0.0
    return replace(
        _subject_of_images(config, dataset, step.preprocessing, step.model),
        objective=_objective(step, len(dataset.classes)),
        pace=Pace(config.optim.name, rates, steps, config.trainer.batch_size, decay, parts=step.shares),
        loaded=frozenset(assembly.loaded),
        expected=_expected(config, dataset) if assembly.loaded else None,
    )


def _expected(config: Config, dataset: Dataset) -> ExpectedInputs | None:
    """The training images in the scaling that the loaded weights were trained with; None if it is not known.

    It is known for Keras' weights of a network of keras.applications, and for those of a run whose `input` is another
    option. The same option can be fitted to other images, as the run's own fit is.
    """
    place, option = config.model.weights, None
    folder = RunFolder(user_path(str(place)))
    folder = folder if folder.exists else RunFolder(folder.path.parent.parent)
    if place != IMAGENET and folder.exists:
        with contextlib.suppress(UserError, OSError):
            option = folder.read_config().input.name
            scaling = Interface.read(folder).scaling
    elif config.model.application is not None:
        option = APPLICATIONS[config.model.application].scaling
        scaling = fit(Input(name=option), dataset.train)
    if option in (None, config.input.name) or scaling.per_image or len(scaling.scale) != dataset.image_shape[2]:
        return None
    mean, deviation = (part[::-1] if scaling.reverse else part for part in channel_moments(dataset.train))
    return ExpectedInputs(mean * scaling.scale + scaling.offset, deviation * scaling.scale, f"input={option}")


def _objective(step: "Step", classes: int) -> Objective:
    """The loss of a run; its kind is that of the loss that is focused."""
    losses = step.loss.of_images
    match step.loss:
        case LossOfSeveralLabels():
            return Objective("sigmoid", False, True, "binary cross-entropy", losses)
        case LossOfSoftLabels():
            return Objective("softmax", False, True, "cross-entropy", losses)
    return replace(objective_of(step.loss.cross_entropy, classes), losses=losses)


def _subject_of_images(
    config: Config, dataset: Dataset, preprocessing: Preprocessing, model: Any, most: int = MAX_INPUTS
) -> Subject:
    """The context of the images alone.

    Args:
        config: the config of the run, with the fault removed.
        dataset: the images and their splits.
        preprocessing: the scaling in training and in evaluation.
        model: the Keras model.
        most: the bytes of images of a split that are scaled.
    """
    assert config.doctor.sample is not None
    sample = min(config.doctor.sample, max(2 * FEW, SAMPLE * most // dataset.train.images[0].nbytes))
    sample = at_most(dataset.train.images, sample)
    classes = len(dataset.classes)
    train = _images(dataset.train, preprocessing.train, classes, sample, most)
    assert train.pixels is not None
    assert train.labels is not None
    return Subject(
        model,
        None,
        train.labels,
        train,
        _images(dataset.val, preprocessing.evaluation, classes, sample // 2, most),
        _scaled(train.pixels, preprocessing.evaluation, most),
        weighted=config.data.class_weights != "none" or config.loss.class_balance is not None,
        says_accuracy=not dataset.has_several,
        classes=dataset.classes,
        looked_up=lambda: _prints(dataset),
        groupings=cache(lambda: _groupings(dataset, config)) if dataset.files and config.data.group is None else None,
    )


def _groupings(dataset: Dataset, config: Config) -> list[NameGroups]:
    """Groups that the names of files suggest, each with what keeps them on one side of each split."""
    found, data = [], config.data
    # With several labels, images are compared with those of all labels.
    labels = np.zeros(len(dataset.train.labels), np.int32) if dataset.has_several else dataset.train.labels
    for group, groups in suggested(dataset, data):
        remedy = f"set {shlex.quote(f'data.group={group}')}, which keeps each group on one side of every split."
        if are_splits_given(dataset, data):
            remedy = "move the images of each group to one side of every split."
        elif data.name in TABLES:
            remedy = f"add a column with the group of each image to {data.root}, and set data.group to its name."
        found.append(NameGroups(groups.numbers, groups.names, labels, remedy))
    return found


def _prints(dataset: Dataset) -> list[Prints]:
    """The fingerprints of each split; a test split with the same images as the validation split is left out."""
    splits = [("training", dataset.train), ("validation", dataset.val)]
    if dataset.test is not None and not np.array_equal(dataset.test.rows, dataset.val.rows):
        splits.append(("test", dataset.test))
    images = dataset.train.images
    most = at_most(images, len(images))
    return [prints_of(name, split.images, split.rows, dataset.files, most, hashes_of(images)) for name, split in splits]


def _images(split: Split, scaling: Scaling, classes: int, sample: int, most: int) -> Images:
    """Some images of a split, the same ones at each call, and the class counts of all its labels.

    With several labels, there are no class counts.
    """
    order = np.random.default_rng(0).permutation(split.rows)[:sample]
    pixels = split.images[order]
    inputs, labels = _scaled(pixels, scaling, most), split.labels[order]
    targets = (labels if split.shares is None else split.shares[order])[: len(inputs)]
    targets = targets if targets.ndim > 1 else targets.astype(np.int32)
    counts: np.ndarray | None = None
    if labels.ndim == 1:
        counts = split.per_class(classes)
    return Images(inputs, counts, pixels, labels.astype(np.int32), digests(split.images, order), labels=targets)


def _scaled(pixels: np.ndarray, scaling: Scaling, most: int) -> np.ndarray:
    """The first images as the network takes them, at most `INPUTS` of together at most `most` bytes, if not `FEW`."""
    count = min(INPUTS, max(FEW, most // (pixels[0].size * 4)))
    return np.asarray(scaling(scaling.cropped(pixels[:count].astype(np.float32))))


def within_memory(limits: Doctor, step: "Step") -> Doctor:
    """The settings of the doctor with as few images in a pass as memory allows, whatever the size of a batch is.

    Raises:
        RunError: the memory is too small to pass two images through the network.
    """
    if step.device.gpu or limits.images is None:  # TensorFlow reports an error if the memory of a GPU is too small
        return limits
    return replace(limits, images=passed(step.model, step.device.precision, limits.images, available()))


class RunDoctor:
    """Watches a run, and reports its findings as events.

    Args:
        config: the config of the run.
        assembly: the images, the network and the step of the run.
        folder: the run folder.
        emit: called with an event for each finding.
    """

    def __init__(self, config: Config, assembly: "Assembly", folder: RunFolder, emit: Emit) -> None:
        self.folder = folder
        self.config = replace(config, fault=Fault(name="none"))  # the doctor has to find the fault, not read it
        self.assembly, self.emit = assembly, emit
        self.limits = config.doctor
        self.diagnosis = Diagnosis(config.doctor.silence)
        self._watch: Watch | None = None
        self._rate = float("nan")
        self._written = 0  # columns in the file of the probes

    def __call__(self, event: Event) -> None:
        """Handle an event of the run."""
        match event:
            case RunStarted():
                try:
                    found = self._start(event)
                except RunError as error:
                    log.warning("The doctor does not watch this run: %s", error)
                except Exception:  # a bug in the doctor must not end the run
                    log.exception("The doctor could not examine this run")
                else:
                    self._tell(found)
            case StepsDone() if self._watch is not None:
                self._tell(self._watch.steps(event.step, event.losses, self._known(event.accuracies)))
                if self._watch.due(event.step):
                    self._tell(self._watch.probe(event.step))
                train = self.assembly.dataset.train
                if is_decoded(train.images, train.rows):  # otherwise, it waits because images are decoded
                    self._tell(self._watch.waited(event.step, event.waiting))
                self._rate = float(event.rates[-1])
            case EpochDone() if self._watch is not None and event.epoch == int(event.epoch):
                accuracy = self._known(event.accuracy)
                self._tell(self._watch.epoch(Epoch(event.step, event.loss, accuracy, self._rate)))
            case Evaluated(split="val") if self._watch is not None:
                self._tell(self._watch.evaluated(event.step, event.loss, self._known(event.accuracy)))
                self._write_probes()

    def _known(self, accuracy: Any) -> Any:
        """An accuracy, or NaN with several labels: where labels are rare, it is high at chance level already."""
        return accuracy * np.nan if self.assembly.dataset.has_several else accuracy

    def _start(self, event: RunStarted) -> list[Finding]:
        """Begin to watch; returns the findings before the first step."""
        within_memory(self.limits, self.assembly.step)  # raises its error before the images of the subject take memory
        subject = subject_of(self.config, self.assembly, event.steps_per_epoch, event.total_steps)
        self.limits = within_memory(self.limits, self.assembly.step)
        chance: ChanceLevel | None = None  # the loss against a teacher has another one, which is not known
        if self.config.loss.name != "distillation":
            from exprun.augment import typical_shares
            from exprun.trainer.structure import augmentation_strengths

            mixing, dataset = typical_shares(augmentation_strengths(self.config)), self.assembly.dataset
            chance = chance_of(dataset.train, len(dataset.classes), self.config.loss, mixing)
            if dataset.has_several:
                chance = replace(chance, accuracy=np.nan)
        self._watch = Watch(subject, chance, event.total_steps, self.limits)
        if event.first_step:
            self._watch.history.probes = Probes.read(self.folder.probes, until=event.first_step)
        context = Context(subject, self.limits)
        found = []
        if event.first_step == 0:
            settings = json.dumps(
                [asdict(self.assembly.step.preprocessing), asdict(self.limits)], default=np.ndarray.tolist
            )
            found += _once(self.assembly.dataset, settings, lambda: examine(context, Phase.DATA))
            images = str(self.limits.images)
            found += _once(self.assembly.step, images, lambda: examine(context, Phase.STRUCTURE))
            found += examine(context, Phase.SETUP, Phase.FIRST_BATCH)
        self._watch.suspect(
            found, subject.val if event.first_step == 0 else None
        )  # leaks are only checked at the start
        return found

    def _write_probes(self) -> None:
        """Write what the probes have measured so far, so that a run that dies has a page with it."""
        assert self._watch is not None
        probes = self._watch.history.probes
        if not self.config.pictures or self.config.trainer.dry_run or len(probes.steps) == self._written:
            return
        with contextlib.suppress(OSError):  # a run without this file is still complete
            probes.write(self.folder.probes)
            self._written = len(probes.steps)

    def _tell(self, findings: Iterable[Finding]) -> None:
        news = self.diagnosis.add(
            replace(finding, overrides=overrides_for(finding, self.config)) for finding in findings
        )
        if news:
            write_findings(self.folder.findings, self.diagnosis.findings)
        for finding in news:
            self.emit(Diagnosed(finding.cause, finding.severity, str(finding), finding.step))
        errors = [finding for finding in news if finding.severity == "error"]
        if errors and self.limits.on_failure == "stop":
            raise RunError(f"doctor.on_failure=stop: {errors[0]}")


def examined(config: Config, assembly: "Assembly", images: int) -> tuple[list[Finding], Context]:
    """The findings before training, with overrides to try, without silenced causes; and what they are based on.

    Args:
        config: the config of the run.
        assembly: the images (or some of them), the network and the step of the run.
        images: the number of training images of the run.
    """
    diagnosis = Diagnosis(config.doctor.silence)
    context = context_of(config, assembly, images)
    found = examine(context, *BEFORE_TRAINING)
    if all(finding.severity == "note" for finding in found):
        found += examine(context, Phase.MEMORY)
    without_fault = replace(config, fault=Fault(name="none"))
    diagnosis.add(replace(finding, overrides=overrides_for(finding, without_fault)) for finding in found)
    return diagnosis.findings, context


def context_of(config: Config, assembly: "Assembly", images: int) -> Context:
    """The context of the checks before training; it does not show which fault was injected.

    Args:
        config: the config of the run.
        assembly: the images (or some of them), the network and the step of the run.
        images: the number of training images of the run.
    """
    per_epoch = max(1, images // config.trainer.batch_size)
    steps = per_epoch * config.trainer.epochs
    steps = min(steps, config.trainer.max_steps or steps)
    without_fault = replace(config, fault=Fault(name="none"))
    # The pass of this phase is not made again for the page.
    return Context(subject_of(without_fault, assembly, per_epoch, steps), config.doctor, Phase.FIRST_BATCH)


def same_images(context: Context, assembly: "Assembly") -> Context:
    """The context of the checks in a pass of another network, with the same images, scaled as this network takes them.

    Args:
        context: what they may look at of the first network.
        assembly: the other network and its step.
    """
    subject, step = context.subject, assembly.step
    assert subject.train.pixels is not None
    inputs = _scaled(subject.train.pixels[: context.limits.images], step.preprocessing.train, MAX_COMPARED)
    objective = _objective(step, len(subject.classes))
    train = replace(subject.train, inputs=inputs)
    return replace(context, subject=replace(subject, model=step.model, objective=objective, train=train))


def examined_images(config: Config, prepared: "Prepared") -> tuple[Context, list[Finding]]:
    """The findings about the images alone, without a network, and what they were found in.

    Args:
        config: the config of a run.
        prepared: the images as they enter the network.
    """
    import keras

    without_fault = replace(config, fault=Fault(name="none"))
    dataset, every = prepared.dataset, _every(prepared.dataset, THIN_PIXELS)
    scaling = prepared.preprocessing
    scaling = Preprocessing(_cropping_less(scaling.train, every), _cropping_less(scaling.evaluation, every))
    subject = replace(
        _subject_of_images(without_fault, _thinned(dataset, every), scaling, keras.Sequential(), THIN_INPUTS),
        looked_up=lambda: _prints(_thinned(dataset, _every(dataset, THIN_COMPARED))),
    )
    context = Context(subject, config.doctor)
    diagnosis = Diagnosis(config.doctor.silence)
    found = examine(context, Phase.DATA)
    diagnosis.add(replace(finding, overrides=overrides_for(finding, without_fault)) for finding in found)
    return context, diagnosis.findings


def _every(dataset: Dataset, pixels: int) -> int:
    """Of how many rows, and columns, one is taken, so that an image has at most some pixels."""
    height, width, _ = dataset.image_shape
    return math.ceil(math.sqrt(height * width / pixels))


def _thinned(dataset: Dataset, every: int) -> Dataset:
    """The data set with every second, third, … row and column of pixels of large images: they show as much of them."""
    thin = lambda split: replace(split, images=split.images[:, ::every, ::every])  # noqa: E731
    test = None if dataset.test is None else thin(dataset.test)
    return dataset if every == 1 else replace(dataset, train=thin(dataset.train), val=thin(dataset.val), test=test)


def _cropping_less(scaling: Scaling, every: int) -> Scaling:
    """The scaling with the same crop of images that are thinned."""
    return scaling if scaling.crop is None else replace(scaling, crop=-(-scaling.crop // every))
