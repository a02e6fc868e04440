"""The model that MLflow's server loads for `serve`: from image files to the probabilities of the classes."""

import os
import tempfile
from pathlib import Path
from typing import Any

from exprun.config.errors import UserError
from exprun.export import network
from exprun.predict import predict_with
from exprun.records import Run, find_run

COLUMN = "image"  # of a request: the bytes of an image file, which MLflow decodes from base64
RUN = "run"  # the file with the path of the run folder


class Served:
    """The model as MLflow calls it.

    Args:
        run: the run whose network is used.

    Raises:
        UserError: the run has no network.
    """

    def __init__(self, run: Run) -> None:
        self.run, (self.model, self.interface) = run, network(run)

    def predict(self, table: Any, params: Any = None) -> list[dict[str, float]]:
        """The probabilities of the classes of each image, by class, the likeliest first.

        Args:
            table: a `pandas.DataFrame`, with the bytes of the image files in the column `image`.
            params: nothing; MLflow passes it.

        Raises:
            mlflow.MlflowException: an image cannot be read; the server answers with the status 400.
        """
        from mlflow.exceptions import MlflowException

        with tempfile.TemporaryDirectory() as folder:
            files = [os.path.join(folder, str(number)) for number in range(len(table))]
            for file, content in zip(files, table[COLUMN], strict=True):
                Path(file).write_bytes(content)
            found = list(predict_with(self.model, self.interface, self.run, files, len(self.interface.classes)))
        for number, one in enumerate(found):
            if one.problem:
                raise MlflowException.invalid_parameter_value(f"Image {number} cannot be read: {one.problem}.")
        return [dict(one.classes) for one in found]


def save(run: Run, path: Path) -> None:
    """Write the model of a run for MLflow, which needs the run folder and exprun.

    Args:
        run: the run.
        path: the folder for the model, which must not exist.
    """
    import mlflow.pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    (path.parent / RUN).write_text(str(run.folder), encoding="utf-8")
    mlflow.pyfunc.save_model(
        path,
        loader_module=__name__,
        data_path=str(path.parent / RUN),
        signature=ModelSignature(inputs=Schema([ColSpec(DataType.binary, COLUMN)])),
        pip_requirements=[],
    )


def _load_pyfunc(path: str) -> Served:
    """The model in a folder that `save` wrote; the name of this function is MLflow's."""
    try:
        return Served(find_run(Path(path).read_text(encoding="utf-8")))
    except UserError as error:
        raise SystemExit(str(error)) from None
