"""The trained network as an MLflow model, from images to the probabilities of the classes.

The run writes the model to its folder, and its tracker, or `sync` later, uploads it from there.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from exprun.config.schema import Config
from exprun.data import Split
from exprun.network_interface import Interface, of_pixels, save_keras, served
from exprun.run_folder import RunFolder
from exprun.text import listed
from exprun.tracking.descriptions import NOTE, plain
from exprun.tracking.inputs import TEST, VALIDATION, digest

NAME = "model"  # the name of the model in MLflow: `runs:/<run>/model` is its URI
MEASURED_ON = {"val/best_": VALIDATION, "test/": TEST}  # metrics of the chosen weights, and their split
MEASURED = tuple(MEASURED_ON)
VERSIONS = "mlflow.modelVersions"  # tag of a model in MLflow: its versions in the registry, as JSON
IDENTITY = "exprun.model_uuid"  # tag of a model in MLflow: the `model_uuid` of the files that were uploaded


def save_model(config: Config, folder: RunFolder, model: Any, interface: Interface, images: Split) -> None:
    """Write the trained network to the run folder in the form that `tracking.model` names, if it is a file of its own.

    Args:
        config: the config of the run.
        folder: the run's folder.
        model: the Keras model, with the weights that validation chose, from scaled images to logits.
        interface: the interface of the network.
        images: a split whose first image becomes the example of an MLflow model.
    """
    form = config.tracking.model
    if form == "keras":
        save_keras(folder.keras_model, model, interface.scaling, interface.image)
    elif form == "mlflow":
        of_images = of_pixels(model, interface.scaling, interface.image)
        save_mlflow(folder.mlflow_model, of_images, interface, images.images[images.rows[0]])


def save_mlflow(path: Path, model: Any, interface: Interface, example: np.ndarray) -> None:
    """Write a network in MLflow's format: uint8 images in, the probabilities of the classes out.

    The files hold a graph of TensorFlow, which loads without exprun and without the classes of Keras layers.

    Args:
        path: the folder for the model; it is replaced if it exists.
        model: the Keras model, from pixels of 0 to 255, (images, *interface.image), to logits, (images, classes).
        interface: the interface of the network.
        example: an image that shows what the model takes, uint8, `interface.image`.
    """
    import mlflow.tensorflow
    import tensorflow as tf
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    # Without names: MLflow passes named tensors as a mapping, which it then refuses for graphs of TensorFlow.
    signature = ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, *interface.image))]),
        outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, len(interface.classes)))]),
    )
    shutil.rmtree(path, ignore_errors=True)
    mlflow.tensorflow.save_model(
        served(model, interface),
        path,
        signature=signature,
        input_example=example[None],
        # Without this list, MLflow starts a process that loads the model, to see what it imports.
        pip_requirements=[f"tensorflow=={tf.__version__}", f"numpy=={np.__version__}"],
        metadata={"classes": interface.classes},
    )


def upload(client: Any, run: Any, folder: RunFolder, metrics: Mapping[str, tuple[int, int, float]]) -> str:
    """Upload the model of a run as a logged model of MLflow, unless the store has it already; returns its identifier.

    Args:
        client: MLflow's client.
        run: the run, as MLflow returns it.
        folder: the run's folder, which holds the model.
        metrics: the step, the time in milliseconds since 1970 and the value of each final metric of the run.
    """
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    run_id, experiment = str(run.info.run_id), str(run.info.experiment_id)
    saved = Model.load(str(folder.mlflow_model))
    mine = f"source_run_id = '{run_id}' AND tags.`{IDENTITY}` = '{saved.model_uuid}'"
    # The server may have received the model and died before it answered.
    models = client.search_logged_models([experiment], filter_string=mine)
    tags = {IDENTITY: str(saved.model_uuid), NOTE: _description(saved, run_id)}
    made = models[0] if models else client.create_logged_model(experiment, NAME, run_id, tags, run.data.params)
    if str(made.status) == "READY":
        return str(made.model_id)
    saved.run_id, saved.model_id, saved.artifact_path = run_id, made.model_id, made.artifact_location
    saved.save(str(folder.mlflow_model / "MLmodel"))
    client.log_model_artifacts(made.model_id, str(folder.mlflow_model))
    if made.model_id not in {output.model_id for output in run.outputs.model_outputs}:
        step = max((step for key, (step, *_) in metrics.items() if key.startswith(MEASURED)), default=0)
        client.log_outputs(run_id, [LoggedModelOutput(made.model_id, step)])
    recorded, data = folder.read_dataset(), str(run.data.params.get("data.name"))
    client.log_batch(run_id, metrics=_metrics(metrics, str(made.model_id), data, recorded.get("fingerprint", "")))
    client.finalize_logged_model(made.model_id, "READY")
    return str(made.model_id)


def register(client: Any, run: Any, name: str, model_id: str | None) -> None:
    """Register the model of a run as a new version of a name in MLflow's registry, unless it is one already.

    Args:
        client: MLflow's client.
        run: the run, as MLflow returns it.
        name: the name, which is created if the registry does not have it.
        model_id: the identifier of the logged model; None for the Keras file among the artifacts of the run.
    """
    from mlflow.exceptions import MlflowException

    run_id = str(run.info.run_id)
    # MLflow would look for `models:/…` and `runs:/…` in the store of the environment, not in that of the client.
    source = client.get_logged_model(model_id).artifact_location if model_id else f"{run.info.artifact_uri}/{NAME}"
    known = [one for one in client.search_model_versions(f"run_id = '{run_id}'") if one.name == name]
    if any(one.source == source for one in known):
        return
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    made = client.create_model_version(name, source, run_id, model_id=model_id)
    if model_id:  # a server sets this tag itself, by which MLflow's UI finds the version; a database does not
        versions = json.loads(client.get_logged_model(model_id).tags.get(VERSIONS, "[]"))
        if (version := {"name": name, "version": made.version}) not in versions:
            client.set_logged_model_tags(model_id, {VERSIONS: json.dumps([*versions, version])})


def _description(saved: Any, run_id: str) -> str:
    """The inputs, the outputs and the use of a model, in Markdown.

    Args:
        saved: the model as MLflow reads it.
        run_id: the identifier of the run.
    """
    classes, shape = saved.metadata["classes"], saved.signature.inputs.inputs[0].shape[1:]
    return (
        f"In: images of {' × '.join(map(str, shape))} (height × width × channels) as uint8. Out: the probabilities of "
        f"{len(classes)} classes: {plain(listed(classes, 20))}.\n\n"
        f"```sh\nmlflow models serve --env-manager local -m runs:/{run_id}/{NAME}\n```"
    )


def _metrics(metrics: Mapping[str, tuple[int, int, float]], model_id: str, data: str, fingerprint: str) -> list[Any]:
    """The metrics of a model, as `mlflow.entities.Metric`, each with the split on which it was measured.

    Args:
        metrics: the step, time and value of each final metric of the run.
        model_id: the identifier of the model in MLflow.
        data: the name of the data set.
        fingerprint: the fingerprint of the data set.
    """
    from mlflow.entities import Metric

    return [
        Metric(key, value, time, step, model_id, data, digest(fingerprint, split))
        for key, (step, time, value) in metrics.items()
        for prefix, split in MEASURED_ON.items()
        if key.startswith(prefix)
    ]
