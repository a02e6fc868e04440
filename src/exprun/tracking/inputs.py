"""The splits of a run's data set as MLflow datasets, from the record in the run folder.

The record is written before training, so that the splits can be uploaded later without the images.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from exprun.config.errors import without_password
from exprun.config.images import Data
from exprun.data import Dataset
from exprun.data.remote import is_remote
from exprun.run_folder import RunFolder
from exprun.text import plural

CONTEXT = "mlflow.data.context"  # MLflow's tag of a dataset that names its split
VALIDATION, TEST = "validation", "test"
SPLITS = {"training": "train", VALIDATION: "val", TEST: "test"}  # the name of each split in MLflow and in `Dataset`
DIGEST_LENGTH = 12  # hexadecimal digits; MLflow accepts 36 characters at most


def write_dataset(folder: RunFolder, dataset: Dataset) -> None:
    """Write the fingerprint, image shape, classes, and images of each class and split to `dataset.json`.

    For several or soft labels, it also has the images of each split, and the mean of the labels of each class.
    """
    splits = {name: split for name, part in SPLITS.items() if (split := getattr(dataset, part)) is not None}
    counts = {name: split.per_class(len(dataset.classes)).tolist() for name, split in splits.items()}
    more: dict[str, Any] = {}
    if dataset.has_several or dataset.train.shares is not None:
        more["images"] = {name: len(split) for name, split in splits.items()}
        more["means"] = {name: split.targets.mean(axis=0, dtype=np.float64).tolist() for name, split in splits.items()}
    folder.write_dataset(
        {
            "fingerprint": dataset.fingerprint,
            "image": list(dataset.image_shape),
            "classes": dataset.classes,
            "splits": counts,
            **more,
        }
    )


def digest(fingerprint: str, split: str) -> str:
    """The digest of a split, by which MLflow tells datasets of the same name apart.

    Args:
        fingerprint: the fingerprint of the whole data set, which depends on its images, labels and splits.
        split: the name of the split.
    """
    return hashlib.sha256(f"{fingerprint} {split}".encode()).hexdigest()[:DIGEST_LENGTH]


def inputs(folder: RunFolder, data: Data) -> list[Any]:
    """The splits of a run as `mlflow.entities.DatasetInput`; empty if the run has no record of its data set.

    Args:
        folder: the run's folder.
        data: the settings of the group `data`.
    """
    recorded = folder.read_dataset()
    if not recorded:
        return []
    from mlflow.entities import Dataset as Entity
    from mlflow.entities import DatasetInput, InputTag

    # MLflow's UI shows the field `uri` as the source of a dataset of the type `local`.
    uri = f"data={data.name}"
    if data.root:
        uri = without_password(data.root) if is_remote(data.root) else str(Path(data.root).absolute())
    source = {"uri": uri, "split_seed": data.split_seed}
    rows = "means" in recorded
    schema = json.dumps({"mlflow_tensorspec": _schema(recorded["image"], len(recorded["classes"]) if rows else None)})
    found = []
    for split, counts in recorded["splits"].items():
        entity = Entity(
            name=data.name,
            digest=digest(recorded["fingerprint"], split),
            source_type="local",
            source=json.dumps(source),
            schema=schema,
            profile=json.dumps(_profile(recorded, split, counts), ensure_ascii=False),
        )
        found.append(DatasetInput(dataset=entity, tags=[InputTag(CONTEXT, split)]))
    return found


def _schema(image: list[int], classes: int | None) -> dict[str, str]:
    """The types and shapes of images and labels, which may have a number for each of some classes."""
    from mlflow.types import Schema, TensorSpec

    images = Schema([TensorSpec(np.dtype(np.uint8), (-1, *image), "image")])
    label = TensorSpec(np.dtype(np.int32), (-1,), "label")
    labels = Schema([label if classes is None else TensorSpec(np.dtype(np.float32), (-1, classes), "label")])
    return {"features": images.to_json(), "targets": labels.to_json()}


def _profile(recorded: dict[str, Any], split: str, counts: list[int]) -> dict[str, Any]:
    """Facts about a split; MLflow's UI shows each as one line, of which it cuts what exceeds 80 characters."""
    per_class = dict(zip(recorded["classes"], counts, strict=True))
    smallest, largest = min(per_class, key=per_class.__getitem__), max(per_class, key=per_class.__getitem__)
    return {
        "images": recorded.get("images", {}).get(split, sum(counts)),
        "image_shape": f"{' × '.join(map(str, recorded['image']))}, uint8 (height × width × channels)",
        "classes": len(counts),
        "smallest_class": f"{smallest}: {plural(per_class[smallest], 'image')}",
        "largest_class": f"{largest}: {plural(per_class[largest], 'image')}",
        "images_per_class": per_class,
    }
