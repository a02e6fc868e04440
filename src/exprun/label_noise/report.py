"""The report on suspects: lines for the terminal, a CSV file to correct, and a page with the images."""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from exprun.config.errors import RunError, printable
from exprun.config.images import Data
from exprun.config.paths import user_path
from exprun.label_noise.suspects import Suspects
from exprun.pages.pictures import Picture, gallery
from exprun.pages.rendering import GALLERY, render
from exprun.text import plural

PRINTED = 10  # suspects in the terminal
SHOWN = 300  # suspects on the page
SPLITS = ("train", "val", "test")  # values of the column `split`, which `data=csv` reads


def verdict(found: Suspects) -> str:
    """The number of suspects, as a sentence."""
    count, images = len(found.places), len(found.held_out.rows)
    if not count:
        return f"No label of the {images:,} images is probably wrong."
    are = "label is" if count == 1 else "labels are"
    return f"{count:,} {are} probably wrong, of {images:,} images."


def evidence(found: Suspects) -> list[str]:
    """Where the predictions come from, how good they are, and the number of wrong labels that is estimated."""
    held_out = found.held_out
    return [
        f"{held_out.source} {held_out.accuracy:.1%} of the predictions are the label.",
        f"Confident learning estimates {plural(found.estimate, 'wrong label')} in all, some of which are images that "
        "the classifiers cannot tell apart; the list has those labels that are least probable.",
    ]


def lines(found: Suspects) -> Iterator[str]:
    """The verdict, its evidence and the first suspects, for the terminal."""
    yield verdict(found)
    yield from evidence(found)
    for number in range(min(PRINTED, len(found.places))):
        label, likely = (found.held_out.dataset.classes[one] for one in _classes(found, number))
        yield printable(f"  {_name(found, number)}: {label}, probably {likely} ({found.confidence[number]:.0%})")
    if len(found.places) > PRINTED:
        yield f"  … and {len(found.places) - PRINTED:,} more"


def _classes(found: Suspects, number: int) -> tuple[int, int]:
    """The class number of the label of a suspect, and that of its most probable class."""
    return int(found.held_out.labels[found.places[number]]), int(found.likely[number])


def _name(found: Suspects, number: int) -> str:
    """The file of a suspect, or its number in the data set without files."""
    row, files = int(found.held_out.rows[found.places[number]]), found.held_out.dataset.files
    return files[row] if files else f"image {row:,} of the data set"


def write_csv(found: Suspects, data: Data, path: Path) -> None:
    """Write a list that can be corrected in the column `label`; the suspects come first.

    With files, it lists all images that were judged, so that `data=csv` can read it; otherwise the suspects only.

    Args:
        found: the suspects.
        data: the group `data` of the config.
        path: the path of the file.

    Raises:
        RunError: the file cannot be written.
    """
    held_out, dataset = found.held_out, found.held_out.dataset
    split_of = {
        row: name
        for name, split in zip(SPLITS, (dataset.train, dataset.val, dataset.test), strict=True)
        for row in (split.rows.tolist() if split is not None else ())
    }
    root = user_path(data.root).absolute() if data.root is not None else Path()
    root = root.parent if data.name == "csv" else root
    others = np.setdiff1d(np.arange(len(held_out.rows)), found.places)[: None if dataset.files else 0]
    likely, confidence = found.likely.tolist(), found.confidence.tolist()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(["image", "label", "split", "likely", "confidence"])
            for number, place in enumerate([*found.places, *others]):
                row, label = int(held_out.rows[place]), dataset.classes[int(held_out.labels[place])]
                image = root / dataset.files[row] if dataset.files else row
                judged: tuple[str, str] = ("", "")
                if number < len(likely):
                    judged = dataset.classes[likely[number]], f"{confidence[number]:.4f}"
                table.writerow([image, label, split_of[row], *judged])
    except OSError as error:
        raise RunError(f"The list cannot be written to {path}: {error.strerror}.") from None


def page(found: Suspects, title: str, list_path: Path, command: str) -> str:
    """The text of the page.

    Args:
        found: the suspects.
        title: the title of the page.
        list_path: the path of the list.
        command: the command that makes the page again.
    """
    dataset, shown = found.held_out.dataset, range(min(SHOWN, len(found.places)))
    pictures = []
    for number in shown:
        label, likely = (dataset.classes[one] for one in _classes(found, number))
        confidence = f"probability of {likely}: {found.confidence[number]:.1%}"
        pictures.append(Picture(f"{label} → {likely}", (_name(found, number), confidence)))
    images = [dataset.train.images[int(found.held_out.rows[found.places[number]])] for number in shown]
    return render(
        Path(__file__).parent / "page.html",
        {},
        [GALLERY],
        title=title,
        verdict=verdict(found),
        evidence=evidence(found),
        images=gallery(images, pictures) if images else None,
        hidden=len(found.places) - len(shown),
        list_path=str(list_path),
        has_files=bool(dataset.files),
        command=command,
    )
