"""Facts about the data sets that are known before they are read: their numbers of images and their class names."""

from collections.abc import Sequence
from dataclasses import dataclass

from exprun.config.errors import ConfigError
from exprun.config.images import Data


@dataclass(frozen=True)
class Facts:
    """Facts about a data set that ships with exprun or is downloaded.

    Args:
        train: the number of training images.
        test: the number of test images.
        classes: the names of the classes.
        shape: the height, width and channels of the images in their files.
    """

    train: int
    test: int
    classes: tuple[str, ...]
    shape: tuple[int, int, int]


PALM_SIZE = 224  # pixels per side of palm veins if data.size is not set
_DIGITS = tuple("0123456789")
_FASHION = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
_CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FACTS = {
    "digits": Facts(1797, 0, _DIGITS, (8, 8, 1)),
    "mnist": Facts(60_000, 10_000, _DIGITS, (28, 28, 1)),
    "fashion_mnist": Facts(60_000, 10_000, _FASHION, (28, 28, 1)),
    "cifar10": Facts(50_000, 10_000, _CIFAR10, (32, 32, 3)),
    # The names of the hundred classes are in the files of the data set.
    "cifar100": Facts(50_000, 10_000, tuple(str(number) for number in range(100)), (32, 32, 3)),
}


def facts_of(data: Data) -> Facts | None:
    """The facts about the data set of a config; None for the user's own files."""
    if data.name != "palm_vein":
        return FACTS.get(data.name)
    assert data.people is not None
    assert data.images_per_person is not None
    assert data.first_person is not None
    return Facts(
        data.people * data.images_per_person, 0, person_names(data.first_person, data.people), (PALM_SIZE, PALM_SIZE, 1)
    )


def person_names(first: int, count: int) -> tuple[str, ...]:
    """The class names of `data=palm_vein`: one per person, from the number `first`."""
    return tuple(f"person{number:04d}" for number in range(first, first + count))


def class_numbers(wanted: Sequence[str | int], classes: Sequence[str], place: str) -> list[int]:
    """The numbers of the classes in `data.classes`.

    A number that is the name of a class means that class; it is an index only if no class has that name.

    Args:
        wanted: the names or indices of the wanted classes.
        classes: the names of all classes.
        place: the data set that has these classes, in the words of the error message.

    Raises:
        ConfigError: a class does not exist or is listed twice, or the list mixes names and indices.
    """
    by_name = {name: number for number, name in reversed(list(enumerate(classes)))}
    named = [name for name in wanted if str(name) in by_name]
    indices = [name for name in wanted if isinstance(name, int) and str(name) not in by_name]
    for name in wanted:
        if name not in named and not (name in indices and 0 <= int(name) < len(classes)):
            shown = ", ".join(classes[:20]) + (", …" if len(classes) > 20 else "")
            raise ConfigError(f"data.classes names {name}, but {place} has {shown}.")
    if named and indices:
        raise ConfigError(
            f"data.classes mixes names and numbers: {named[0]} is the name of a class, {indices[0]} is not; list all "
            "classes by name, or all by number if no class has a number as its name."
        )
    numbers = [by_name[str(name)] if named else int(name) for name in wanted]
    if len(set(numbers)) < len(numbers):
        raise ConfigError("data.classes names a class twice.")
    return numbers
