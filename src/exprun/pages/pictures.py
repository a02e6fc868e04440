"""Images in a page: one picture with all thumbnails, of which the page shows parts."""

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from exprun.text import rounded

SMALL = 64  # pixels a side up to which images are kept as they are, and enlarged by the browser
SIDE = 128  # pixels of the longer side of larger images in a sheet
MAX_SIDE = 16383  # pixels a side that WebP has at most
QUALITY = 82  # of WebP, from 0 to 100
MAX_SHOWN = 512  # pixels a side of tensors that become images; of larger ones, rows and columns are left out


@dataclass(frozen=True)
class Sheet:
    """One picture with many images, row by row.

    Args:
        uri: the picture as the text of a `data:` address.
        cell: the height and width of each image in it, in pixels.
        columns: the number of images in a row.
        rows: the number of rows.
    """

    uri: str
    cell: tuple[int, int]
    columns: int
    rows: int

    @property
    def is_small(self) -> bool:
        """Whether the browser enlarges the images, so that their pixels are to be seen as squares."""
        return max(self.cell) <= SMALL

    def position(self, place: int) -> str:
        """The CSS `background-position` that shows an image.

        Args:
            place: the place of the image, from 0.
        """
        shares = zip((place % self.columns, place // self.columns), (self.columns, self.rows), strict=True)
        return " ".join(f"{100 * number / max(1, count - 1):.6g}%" for number, count in shares)


@dataclass(frozen=True)
class Picture:
    """The caption of an image in a gallery, and its details.

    Args:
        caption: the text below the image.
        lines: further lines, which are shown when the image is enlarged.
        mark: `bad` or `care` for an image that stands out, otherwise empty.
    """

    caption: str
    lines: tuple[str, ...] = ()
    mark: str = ""


@dataclass(frozen=True)
class Gallery:
    """Images with captions, for the macro `gallery` in `parts.html`.

    Args:
        sheet: the images.
        pictures: the caption of each image of the sheet, in the same order.
        columns: the number of images in each row of the page, for images that belong together; 0 for as many as fit.
    """

    sheet: Sheet
    pictures: Sequence[Picture]
    columns: int = 0


@dataclass(frozen=True)
class Displayed:
    """Tensors as images for the eye.

    Args:
        images: uint8, (images, height, width, channels), at most `MAX_SHOWN` pixels a side.
        low: the value that is shown as black.
        high: the value that is shown as white.
        not_finite: the number of values that are not finite, which are shown as black.
    """

    images: np.ndarray
    low: float
    high: float
    not_finite: int = 0

    @property
    def range(self) -> str:
        """The values that are shown as black and white, in words."""
        return f"black is {rounded(self.low)}, white is {rounded(self.high)}"


def gallery(images: Sequence[np.ndarray], pictures: Sequence[Picture], side: int = SIDE, columns: int = 0) -> Gallery:
    """The images with their captions.

    Args:
        images: the images, in any form that `as_pixels` takes; at least one.
        pictures: the caption of each image.
        side: the longer side of images that are shrunk, in pixels.
        columns: the number of images in each row; 0 for as many as fit.
    """
    assert len(images) == len(pictures)
    return Gallery(sheet(images, side), pictures, columns)


def sheet(images: Sequence[np.ndarray], size: int = SIDE, small: int = SMALL) -> Sheet:
    """All images in one picture; images that are smaller than the largest one are in the middle of their cell.

    Args:
        images: at least one image, in any form that `as_pixels` takes.
        size: the longer side of images above `small` pixels, which are shrunk to it.
        small: the pixels a side up to which images are kept as they are.
    """
    from PIL import Image

    parts = [_fitted(as_pixels(image), size, small) for image in images]
    height, width = max(part.height for part in parts), max(part.width for part in parts)
    columns = min(len(parts), max(1, math.isqrt(len(parts) * height // max(1, width))), MAX_SIDE // width)
    rows = -(-len(parts) // columns)
    modes = {part.mode for part in parts}
    is_ragged = any((part.height, part.width) != (height, width) for part in parts)
    mode = "RGBA" if is_ragged or "RGBA" in modes else "RGB" if "RGB" in modes else "L"
    whole = Image.new(mode, (columns * width, rows * height))
    for place, part in enumerate(parts):
        left = place % columns * width + (width - part.width) // 2
        top = place // columns * height + (height - part.height) // 2
        whole.paste(part.convert(mode), (left, top))
    return Sheet(_encoded(whole, max(height, width) <= min(small, SMALL)), (height, width), columns, rows)


def data_uri(image: np.ndarray, size: int | None = None) -> str:
    """An image as the text of a `data:` address.

    Args:
        image: the image, in any form that `as_pixels` takes.
        size: the longer side to which a larger image is shrunk, in pixels; None to keep its size.
    """
    part = _fitted(as_pixels(image), size or MAX_SIDE)
    return _encoded(part, max(part.size) <= SMALL)


def as_pixels(image: np.ndarray) -> np.ndarray:
    """An image as uint8, (height, width) if it is grey, else (height, width, 3 or 4).

    Args:
        image: (height, width) or (height, width, channels), uint8, or numbers from 0 to 255, which are clipped. With 2
            channels, the first one is shown as grey, and with more than 4, the first three as colours.
    """
    pixels = np.asarray(image)
    if pixels.dtype != np.uint8:
        pixels = np.rint(np.clip(np.nan_to_num(pixels.astype(np.float32), nan=0.0), 0, 255)).astype(np.uint8)
    if pixels.ndim == 2:
        return pixels
    channels = pixels.shape[2]
    return pixels[..., 0] if channels < 3 else pixels[..., : channels if channels == 4 else 3]


def displayed(batch: np.ndarray, ends: tuple[float, float] | None = None) -> Displayed:
    """Tensors as the network gets them, as images: one linear scale for the whole batch.

    Args:
        batch: (images, height, width, channels), or one image, any range.
        ends: the values that become black and white, such as those of another batch to compare with; None for the
            lowest and the highest value of the batch.
    """
    values = np.asarray(batch, np.float32)
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    not_finite = 0
    if not (math.isfinite(low) and math.isfinite(high)):
        finite = np.isfinite(values)
        not_finite = int(values.size - finite.sum())
        low, high = (float(values[finite].min()), float(values[finite].max())) if finite.any() else (0.0, 1.0)
    low, high = ends or (low, high)
    height, width = values.shape[-3:-1]
    step = max(1, -(-max(height, width) // MAX_SHOWN))
    thin = values[..., ::step, ::step, :]
    scaled = np.clip((np.where(np.isfinite(thin), thin, low) - low) * (255 / (high - low or 1.0)), 0, 255)
    return Displayed(np.rint(scaled).astype(np.uint8), low, high, not_finite)


def _fitted(pixels: np.ndarray, size: int, small: int = SMALL):  # type: ignore[no-untyped-def]  # a Pillow image
    """The image, shrunk if it is larger than `small` and `size`."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(pixels))
    if max(image.size) > max(small, size):
        image.thumbnail((size, size), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return image


def _encoded(image, lossless: bool) -> str:  # type: ignore[no-untyped-def]
    """The `data:` address of a Pillow image: PNG for few pixels, WebP for photos where Pillow has it."""
    from PIL import features

    kind = "png" if lossless or max(image.size) > MAX_SIDE or not features.check("webp") else "webp"
    file = io.BytesIO()
    image.save(file, kind, **({"quality": QUALITY} if kind == "webp" else {}))
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"
