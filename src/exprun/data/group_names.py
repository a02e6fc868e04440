"""Groups that the names of files suggest, such as all images of one patient, for data sets without `data.group`."""

import os
import re
from collections.abc import Iterator, Sequence

from exprun.config.images import FOLDER, SHARDS, Data
from exprun.data.dataset import Dataset
from exprun.data.folder import SPLITS
from exprun.data.groups import Groups, group_finder
from exprun.data.pool import TEST, VALIDATION
from exprun.data.shards import split_of

# The first word of a file's name (`patient12_left_3.png`), and all before its last number (`cat_12-frame3.png`).
PATTERNS = (r"([^/_. -]+)[-_. ][^/]*$", r"([^/]+?)[-_. ]+[a-zA-Z]*\d+\.\w+$")
MIN_GROUPS = 4


def suggested(dataset: Dataset, data: Data) -> Iterator[tuple[str, Groups]]:
    """The values of `data.group` that divide the images into groups of several images, with these groups.

    Args:
        dataset: a data set whose images have files of their own; no groups are found in others.
        data: the settings of the data set.
    """
    files, labels = dataset.files, dataset.train.labels
    if not files:
        return
    names_of = [""] * len(files) if dataset.has_several else [dataset.classes[label] for label in labels]
    folders = [_class_folder(file, name) for file, name in zip(files, names_of, strict=True)]
    known: list[list[str]] = []
    for group in (FOLDER, *PATTERNS):
        find = group_finder(group)
        names = _several([find(file, folder) for file, folder in zip(files, folders, strict=True)])
        if names and names not in known:
            known.append(names)
            yield (group if data.name != "image_folder" else _plainer(group, files, names)), Groups.of(names)


def are_splits_given(dataset: Dataset, data: Data) -> bool:
    """Whether folders, files or a column name the validation images, so that `data.group` cannot draw others."""
    if data.folds is not None or data.split is not None:
        return data.folds is None
    validation = TEST if data.validation == "test" else VALIDATION
    if data.name in SHARDS:
        return any(split_of(place) == validation for place in {os.path.dirname(file) for file in dataset.files})
    first = {file.partition("/")[0].lower() for file in dataset.files}
    return data.name == "image_folder" and any(SPLITS.get(name) == validation for name in first)


def _class_folder(file: str, name: str) -> str:
    """The folder of the class above an image, or its first folder if none has the name of the class."""
    parts = file.split("/")[:-1]
    depth = parts.index(name) if name in parts else 0
    return "/".join(parts[: depth + 1])


def _several(names: list[str]) -> list[str]:
    """The groups, or nothing if an image has none, or if most groups have one image or there are hardly any groups."""
    count = len(set(names))
    return names if all(names) and MIN_GROUPS <= count <= len(names) / 2 else []


def _plainer(group: str, files: Sequence[str], names: Sequence[str]) -> str:
    """A pattern for the same groups that people read more easily, such as `(patient\\d+)_`, if there is one."""
    templates = {re.sub(r"\d+", r"\\d+", re.escape(name)) for name in set(names)}
    if group == FOLDER or len(templates) > 1:
        return group
    found = re.search(group, files[0])
    assert found is not None
    mark = files[0][found.end(1)]
    pattern = f"({templates.pop()}){re.escape(mark)}"
    find = group_finder(pattern)
    return pattern if all(find(file, "") == name for file, name in zip(files, names, strict=True)) else group
