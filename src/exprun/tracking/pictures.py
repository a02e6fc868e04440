"""The pictures and tables of a run in MLflow: images next to its metrics, and tables that its UI shows and compares."""

import csv
import json
from typing import Any

from exprun.run_folder import RunFolder
from exprun.text import json_text

MAX_CONFUSIONS = 500  # rows of the table of confusions
NAMES = ("split", "class", "true", "predicted")  # columns of text: classes may be called 1 or nan
IMAGES, TABLES = "images", "tables"  # folders of the run's artifacts; MLflow decides on the first one


def upload(client: Any, run_id: str, folder: RunFolder, step: int) -> None:
    """Log the pictures and tables in a run's folder, each once, however often a run is uploaded.

    Args:
        client: MLflow's client.
        run_id: the identifier of the run.
        folder: the run's folder.
        step: the step that the pictures belong to.
    """
    if pictures := sorted(folder.pictures.glob("*.png")):
        from PIL import Image

        known = [one.path for one in client.list_artifacts(run_id, IMAGES)]
        for path in pictures:
            # The rest of the name is a time and a random number.
            if not any(name.startswith(f"{IMAGES}/{path.stem}+step+{step}+") for name in known):
                with Image.open(path) as image:
                    client.log_image(run_id, image, key=path.stem, step=step)
    if tables := _tables(folder):
        known = [one.path for one in client.list_artifacts(run_id, TABLES)]
        for name, columns in tables.items():
            file = f"{TABLES}/{name}.json"
            if file in known:  # `log_table` would add the rows a second time
                rows = [list(row) for row in zip(*columns.values(), strict=True)]
                client.log_text(run_id, json_text({"columns": list(columns), "data": rows}, indent=None), file)
            else:
                client.log_table(run_id, columns, file)


def _tables(folder: RunFolder) -> dict[str, dict[str, list[Any]]]:
    """The columns of each table by its name: metrics of classes, errors and confusions."""
    tables = {}
    for name in ("classes", "errors"):
        try:
            with open(folder.path / f"{name}.csv", newline="", encoding="utf-8") as file:
                head, *rows = csv.reader(file)
        except (OSError, ValueError):  # a run that failed has none
            continue
        if rows:
            tables[name] = {
                key: [row[place] if key in NAMES else _value(row[place]) for row in rows]
                for place, key in enumerate(head)
            }
    try:
        recorded = json.loads((folder.path / "confusion.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return tables
    matrix, classes = recorded.get("matrix"), recorded["classes"]
    cells = recorded.get("cells") or [[t, p, n] for t, row in enumerate(matrix) for p, n in enumerate(row) if n]
    wrong = sorted((cell for cell in cells if cell[0] != cell[1]), key=lambda cell: -cell[2])[:MAX_CONFUSIONS]
    if wrong:
        true, predicted, images = zip(*wrong, strict=True)
        named = {"true": [classes[one] for one in true], "predicted": [classes[one] for one in predicted]}
        tables["confusions"] = named | {"images": list(images)}
    return tables


def _value(text: str) -> float | str | None:
    """A cell of a table: a number if it is one, None if it is empty."""
    try:
        return float(text) if text else None
    except ValueError:
        return text
