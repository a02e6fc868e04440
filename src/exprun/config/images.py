"""The settings of the images, their splits and their changes: the groups `data`, `input`, `augment` and `adversary`."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from exprun.config.fields import STRICT, setting

# Values of `data.group` that name the groups of `data=image_folder` by folders.
FOLDER, OUTER_FOLDER = FOLDER_GROUPS = ("folder", "outer_folder")
SHARDS = ("parquet", "tfrecord", "webdataset", "huggingface", "tfds")  # formats of files with many images each
TABLES = ("csv", *SHARDS)  # formats in which columns have the labels, splits and groups
REMOTE = (
    "image_folder",
    "parquet",
    "tfrecord",
    "webdataset",
    "huggingface",
)  # formats that are read from object stores, too
STREAM = "stream"  # the value of `data.decode` with which images are decoded while a run trains
STREAMED = ("image_folder", "csv", *SHARDS[:-1])  # formats whose images can be decoded one by one


@dataclass(config=STRICT)
class Data:
    """The data set, its splits, and which of its images are used."""

    name: Literal[
        "digits",
        "mnist",
        "fashion_mnist",
        "cifar10",
        "cifar100",
        "palm_vein",
        "image_folder",
        "csv",
        "arrays",
        "parquet",
        "tfrecord",
        "webdataset",
        "huggingface",
        "tfds",
    ] = setting("Data set to train on.")
    root: str | None = setting(
        "Folder (or .npz or CSV file) with the files of the data set; for files with many images each, also one file, "
        "a pattern such as `train-*.parquet`, or the address of an object store.",
        None,
    )
    cache: str = setting("Folder in which decoded images are cached.", "outputs/cache")
    size: int | None = setting(
        "Height and width of the images in pixels; null keeps the size that the images have in their files.",
        None,
        ge=1,
        le=4096,
    )
    channels: Literal[1, 3] | None = setting(
        "Number of channels of the images: 1 for grey, 3 for colour; null keeps the channels that the "
        "images have in their files.",
        None,
    )
    labels: Literal["one", "several", "ordered", "soft"] = setting(
        "Labels of each image: one class; several classes or none; one of classes with an order; or soft labels, a "
        "probability for each class.",
        "one",
    )
    classes: list[str | int] | None = setting(
        "Classes to keep; null keeps all. Classes are given by name, or by index from 0 if no class has a "
        "number as its name.",
        None,
    )
    limit: int | None = setting(
        "Largest number of training images (counted before validation images are held out), and largest "
        "number of test images; each class keeps its share.",
        None,
        ge=2,
    )
    split_seed: int = setting(
        "Seed of the random choice of validation and test images; it stays the same when `seed` varies.",
        0,
        ge=0,
        lt=2**32,
    )
    val_fraction: float = setting(
        "Fraction of the training images that is held out for validation.", 0.1, ge=0.0, lt=1.0
    )
    test_fraction: float = setting(
        "Fraction of the images that is held out for the test, if the data set has no separate test images.",
        0.1,
        ge=0.0,
        lt=1.0,
    )
    validation: Literal["train", "test"] = setting(
        "Images to validate on: held-out training images, or the test images.", "train"
    )
    folds: int | None = setting(
        "Number of folds of a cross-validation; each fold is the validation set once. null holds out "
        "`data.val_fraction` instead.",
        None,
        ge=2,
        le=1000,
    )
    fold: int | None = setting(
        "Index of the fold that is the validation set, from 0; the run trains on the other folds.", None, ge=0
    )
    group: str | None = setting(
        "Groups of images, such as those of a person, that are never divided between splits. For `image_folder`: "
        "`folder`, `outer_folder`, or a pattern with one group in parentheses; for `arrays`: the name of arrays; for "
        "other files: a column.",
        None,
        min_length=1,
    )
    class_weights: Literal["none", "balanced"] | list[float] = setting(
        "Weight of each class in the loss: none, balanced by the frequency of the class, or a list of numbers.", "none"
    )
    people: int | None = setting("Number of people, each of whom is a class.", only=("palm_vein",), ge=2, le=10_000)
    images_per_person: int | None = setting("Number of images of each person.", only=("palm_vein",), ge=2, le=10_000)
    first_person: int | None = setting(
        "Index of the first person; the people have consecutive indices, and each index stands for a different person.",
        only=("palm_vein",),
        ge=0,
        le=1_000_000,
    )
    corrupt: Literal["skip", "refuse"] | None = setting(
        "What happens to files that cannot be decoded: skip leaves them out, refuse ends the run.",
        only=("image_folder", *TABLES),
    )
    background: Literal["white", "black"] | Annotated[int, Field(ge=0, le=255)] = setting(
        "Colour behind the transparent parts of images: white, black, or a grey value from 0 to 255.",
        "white",
        only=("image_folder", *TABLES),
    )
    decode: Literal["before", "stream"] = setting(
        "When images are decoded: before the first step, or while the run trains, which starts sooner.",
        "before",
        only=STREAMED,
    )
    image: str = setting(
        "Column with the images, or with their paths, relative to the folder of the file.", "image", only=TABLES
    )
    label: str | list[str] = setting(
        "Column with the classes of the images; or a list of columns, one for each class, for several or soft labels.",
        "label",
        only=TABLES,
    )
    split: str | None = setting(
        "Column with the splits of the images (train, val or test); null takes the splits that the names of files "
        "give, or draws them.",
        None,
    )


@dataclass(config=STRICT)
class Input:
    """How pixels are scaled before they enter the network."""

    name: Literal[
        "auto", "raw", "unit", "symmetric", "center", "standardize", "per_image", "caffe", "imagenet", "preset"
    ] = setting("How pixel values are scaled.")
    crop: int | None = setting(
        "Height and width, in pixels, of a square that is cropped from each image: at a random position "
        "in training, at the centre in evaluation.",
        None,
        ge=1,
    )


@dataclass(config=STRICT)
class Augment:
    """Random changes of the training images; each is off by default."""

    name: str = setting("Label of the augmentation in tables and in the names of runs.")
    flip: bool = setting("Whether each image is mirrored left to right with a probability of 0.5.", False)
    alternating_flip: bool = setting(
        "Whether each image is mirrored left to right in every second epoch; in the first epoch, half of "
        "the images are mirrored.",
        False,
    )
    crop: int = setting("Largest random shift in pixels; mirrored pixels fill the border.", 0, ge=0, le=512)
    cutout: int = setting(
        "Height and width, in pixels, of a square that is blanked at a random position.", 0, ge=0, le=2048
    )
    rotation: float = setting("Largest random rotation to either side, in degrees.", 0.0, ge=0.0, le=180.0)
    zoom: float = setting("Largest random zoom, as a fraction of the image size.", 0.0, ge=0.0, lt=1.0)
    stretch: float = setting(
        "Largest random stretch, as a fraction of the image size; height and width are stretched independently.",
        0.0,
        ge=0.0,
        lt=1.0,
    )
    translation: float = setting(
        "Largest random shift, as a fraction of the height and of the width.", 0.0, ge=0.0, le=1.0
    )
    brightness: float = setting(
        "Largest random change of the brightness, as a fraction of the range of pixel values.", 0.0, ge=0.0, le=1.0
    )
    contrast: float = setting(
        "Largest random change of the contrast: the contrast is multiplied by a random factor between 1 − "
        "this fraction and 1 + this fraction.",
        0.0,
        ge=0.0,
        lt=1.0,
    )
    randaugment: float = setting(
        "Strength of RandAugment, a tenth of the paper's M; each image is changed by random operations of its own.",
        0.0,
        ge=0.0,
        le=1.0,
    )
    randaugment_ops: int = setting(
        "Number of operations that `augment.randaugment` applies to each image, the paper's N.", 2, ge=1, le=10
    )
    trivialaugment: float = setting(
        "Largest strength of TrivialAugment, which changes each image by one random operation of random strength.",
        0.0,
        ge=0.0,
        le=1.0,
    )
    erasing: float = setting(
        "Probability with which a random rectangle of an image is filled with noise.", 0.0, ge=0.0, le=1.0
    )
    mixup: float = setting(
        "Alpha of MixUp, which blends each image and its label with another of the batch; the shares are drawn from "
        "Beta(alpha, alpha).",
        0.0,
        ge=0.0,
        le=100.0,
    )
    cutmix: float = setting(
        "Alpha of CutMix, which replaces a box of each image with that of another of the batch; the size of the box is "
        "drawn from Beta(alpha, alpha), and the label is mixed by area.",
        0.0,
        ge=0.0,
        le=100.0,
    )


@dataclass(config=STRICT)
class Adversary:
    """Adversarial training: bounded changes of the images that raise the loss."""

    name: Literal["none", "fgsm", "pgd"] = setting("Attack that changes the training images.")
    epsilon: float | None = setting(
        "Largest change of a pixel value, on the scale from 0 to 255.", only=("fgsm", "pgd"), ge=0.0, le=255.0
    )
    steps: int | None = setting("Number of gradient steps of the attack.", only=("pgd",), ge=1, le=1000)
    step_size: float | None = setting(
        "Change of a pixel value in one step of the attack, on the scale from 0 to 255.",
        only=("pgd",),
        gt=0.0,
        le=255.0,
    )
    random_start: bool | None = setting("Whether the attack starts at a random point within its bounds.", only=("pgd",))
