"""Pictures of a run as PNG files, which MLflow shows next to its metrics."""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np

from exprun.pages.pictures import Gallery
from exprun.run_folder import RunFolder
from exprun.run_page.outcomes import Outcomes
from exprun.run_page.pictures import Pictures

MOST = 24  # images in a file
WIDTH = 1000  # pixels of a file, at most
CAPTION = 30  # pixels under each image
MOST_CLASSES = 30  # classes in the picture of the confusion matrix
CELL = 26  # pixels of a cell of the confusion matrix
NAME = 120  # pixels of the names of its classes
BLUE = np.array([8, 64, 129])  # the colour of all images of a class


def write_files(folder: RunFolder, pictures: Pictures) -> list[Path]:
    """Write the pictures of a run to `pictures/`, as far as there are any; returns their paths.

    Raises:
        OSError: a file cannot be written.
    """
    drawn: dict[str, Any] = {}
    if pictures.errors is not None:
        drawn["errors"] = _captioned(pictures.errors.gallery)
    if pictures.wrong_maps is not None:
        drawn["grad_cam"] = _captioned(pictures.wrong_maps)
    if pictures.outcomes is not None and len(pictures.outcomes.classes) > 1 and not pictures.outcomes.has_several:
        drawn["confusion"] = _confusion(pictures.outcomes)
    if drawn:
        folder.pictures.mkdir(exist_ok=True)
    paths = [folder.pictures / f"{name}.png" for name in drawn]
    for path, image in zip(paths, drawn.values(), strict=True):
        image.save(path)
    return paths


def _captioned(gallery: Gallery) -> Any:
    """The first images of a gallery with their captions, as an image of Pillow."""
    from PIL import Image, ImageDraw

    sheet, shown = gallery.sheet, gallery.pictures[:MOST]
    whole = Image.open(io.BytesIO(base64.b64decode(sheet.uri.partition(",")[2]))).convert("RGB")
    height, width = sheet.cell
    factor = max(1, 112 // max(height, width))
    wide, high = max(factor * width, 112), factor * height
    columns = max(1, min(len(shown), WIDTH // (wide + 8)))
    rows = -(-len(shown) // columns)
    page = Image.new("RGB", (columns * (wide + 8), rows * (high + CAPTION + 8)), "white")
    pen, font = ImageDraw.Draw(page), _font(11)
    for place, picture in enumerate(shown):
        top, left = (place // sheet.columns) * height, (place % sheet.columns) * width
        part = whole.crop((left, top, left + width, top + height))
        x, y = place % columns * (wide + 8) + 4, place // columns * (high + CAPTION + 8) + 4
        page.paste(part.resize((factor * width, high), Image.Resampling.NEAREST), (x, y))
        pen.multiline_text((x, y + high + 1), _wrapped(picture.caption, wide, font), "black", font, spacing=0)
    return page


def _confusion(outcomes: Outcomes) -> Any:
    """The confusion matrix of the classes that are confused most often, as an image of Pillow."""
    from PIL import Image, ImageDraw

    classes = _most_confused(outcomes)
    matrix = np.zeros((len(classes), len(classes)), np.int64)
    place = {one: number for number, one in enumerate(classes)}
    for true, predicted, images in outcomes.cells.tolist():
        if true in place and predicted in place:
            matrix[place[true], place[predicted]] = images
    of_class = np.bincount(outcomes.labels, minlength=len(outcomes.classes))[classes]
    share = (matrix / np.maximum(of_class, 1)[:, None])[..., None]
    colours = np.rint(255 * (1 - share) + BLUE * share).astype(np.uint8)
    side = CELL * len(classes)
    page = Image.new("RGB", (NAME + side + 4, 20 + side + NAME), "white")
    page.paste(Image.fromarray(colours).resize((side, side), Image.Resampling.NEAREST), (NAME, 20))
    pen, font = ImageDraw.Draw(page), _font(10)
    pen.text((NAME, 4), "true classes in rows, predicted classes in columns", "black", font)
    for y, x in np.argwhere(matrix > 0).tolist():
        ink = "white" if share[y, x, 0] > 0.5 else "black"
        pen.text((NAME + (x + 0.5) * CELL, 20 + (y + 0.5) * CELL), f"{matrix[y, x]}", ink, font, anchor="mm")
    for number, one in enumerate(classes):
        name = _cut(outcomes.classes[one], NAME - 8, font)
        pen.text((NAME - 4, 20 + (number + 0.5) * CELL), name, "black", font, anchor="rm")
        label = Image.new("RGB", (NAME - 8, 16), "white")
        ImageDraw.Draw(label).text((NAME - 9, 8), name, "black", font, anchor="rm")
        page.paste(label.rotate(90, expand=True), (NAME + number * CELL + 5, 24 + side))
    return page


def _most_confused(outcomes: Outcomes) -> list[int]:
    """Up to `MOST_CLASSES` classes: all in order, or those in the pairs that were confused most often."""
    count = len(outcomes.classes)
    if count <= MOST_CLASSES:
        return list(range(count))
    chosen = dict.fromkeys(one for pair in outcomes.confusions[:, :2].tolist() for one in pair)
    return list(chosen)[:MOST_CLASSES] or list(range(MOST_CLASSES))


def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _cut(text: str, room: float, font: Any) -> str:
    """A text in one line that is cut to a width in pixels."""
    text = " ".join(text.encode(errors="replace").decode().split())  # names of files may not be Unicode
    if font.getlength(text) <= room:
        return text
    while text and font.getlength(f"{text}…") > room:
        text = text[:-1]
    return f"{text}…"


def _wrapped(text: str, room: float, font: Any) -> str:
    """A caption in at most two lines."""
    true, _, predicted = text.partition(", ")
    return "\n".join(_cut(line, room, font) for line in (true, predicted) if line)
