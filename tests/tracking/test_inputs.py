"""The splits of a run as MLflow datasets."""

import json

import numpy as np
import pytest

from exprun.data import Dataset, Split
from exprun.run_folder import RunFolder
from exprun.tracking.inputs import CONTEXT, inputs, write_dataset
from tiny import config


@pytest.fixture
def folder(tmp_path):
    """A run folder with the record of a data set of two classes, without a test split."""
    images, labels = np.zeros((6, 8, 9, 1), np.uint8), np.array([0, 1, 1, 1, 0, 1], np.int32)
    train, val = (Split(images, labels, np.array(rows)) for rows in ([0, 1, 2, 3], [4, 5]))
    found = RunFolder(tmp_path)
    write_dataset(found, Dataset(train, val, None, ["aster", "birch"], None, "f" * 64, []))
    return found


def test_each_split_is_an_input_with_its_context(folder):
    found = inputs(folder, config().data)
    assert [[(tag.key, tag.value) for tag in one.tags] for one in found] == [
        [(CONTEXT, "training")],
        [(CONTEXT, "validation")],
    ]
    assert {one.dataset.name for one in found} == {"digits"}
    assert len({one.dataset.digest for one in found}) == 2  # MLflow keeps one dataset of a name and digest


def test_the_profile_has_the_images_of_each_class(folder):
    profile = json.loads(inputs(folder, config().data)[0].dataset.profile)
    assert profile["images"] == 4
    assert profile["images_per_class"] == {"aster": 1, "birch": 3}
    assert profile["smallest_class"] == "aster: 1 image"
    assert profile["image_shape"].startswith("8 × 9 × 1, uint8")


def test_mlflow_reads_the_schema_and_the_source(folder):
    from mlflow.data.dataset_source_registry import get_dataset_source_from_json
    from mlflow.data.schema import TensorDatasetSchema

    dataset = inputs(folder, config("data=image_folder", "data.root=flowers").data)[0].dataset
    schema = TensorDatasetSchema.from_dict(json.loads(dataset.schema))
    assert schema.features.inputs[0].shape == (-1, 8, 9, 1)
    source = get_dataset_source_from_json(dataset.source, dataset.source_type)
    assert source.uri.endswith("/flowers")
    remote = inputs(folder, config("data=image_folder", "data.root=s3://bucket/flowers").data)[0].dataset
    assert json.loads(remote.source)["uri"] == "s3://bucket/flowers"


def test_a_run_of_an_older_version_has_no_inputs(tmp_path):
    assert inputs(RunFolder(tmp_path), config().data) == []


def test_several_labels_have_a_column_for_each_class(tmp_path):
    images, labels = np.zeros((4, 8, 9, 1), np.uint8), np.array([[1, 1], [0, 1], [0, 0], [1, 0]], np.float32)
    train, val = (Split(images, labels, np.array(rows)) for rows in ([0, 1, 2], [3]))
    write_dataset(RunFolder(tmp_path), Dataset(train, val, None, ["aster", "birch"], None, "f" * 64, []))
    dataset = inputs(RunFolder(tmp_path), config().data)[0].dataset
    assert json.loads(dataset.profile)["images"] == 3
    assert json.loads(dataset.profile)["images_per_class"] == {"aster": 1, "birch": 2}
    targets = json.loads(json.loads(dataset.schema)["mlflow_tensorspec"]["targets"])
    assert targets[0]["tensor-spec"] == {"dtype": "float32", "shape": [-1, 2]}
