"""From an image file to its pixels: the formats that are read, how they are decoded, and why one cannot be."""

import contextlib
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from exprun.config.errors import one_line

# Pillow's names and the usual suffixes. All decode inside Pillow; EPS, for one, would start another program.
# MPO is a JPEG with further images after the first, and is opened as JPEG.
FORMATS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "PNG": (".png", ".apng"),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
    "AVIF": (".avif",),
}
SUFFIXES = frozenset(suffix for suffixes in FORMATS.values() for suffix in suffixes)
BITS, PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0  # tags of a TIFF, and a value of the second
SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height
GREYS = {"white": 255, "black": 0}
HEAD = 512  # bytes that tell what a file is
UNREAD = "a format that is not read"
# What is often found under the name of an image, by what it begins with.
NO_IMAGES = {
    b"%pdf": f"PDF, {UNREAD}",
    b"<svg": f"SVG, {UNREAD}",
    b"<html": "a web page, not an image",
    b"<!doctype html": "a web page, not an image",
    b"version https://git-lfs": "a Git LFS pointer, not the image: git lfs pull fetches it",
}
ROUNDING = 1e-3  # by which floating-point pixels may leave the range of 0 to 1


class UnreadableImage(Exception):
    """An image file that cannot be read; the text is the reason, without the name of the file."""


def decode_image(file: str, size: tuple[int, int], mode: str, background: str | int = "white") -> np.ndarray:
    """Decode one image, crop it at its centre to the shape asked for, and scale it.

    Args:
        file: its path.
        size: width and height of the result.
        mode: `L` for grey, `RGB` for colour.
        background: what transparent pixels are laid on: `white`, `black` or a grey of 0 to 255.

    Returns:
        uint8, (height, width, channels).

    Raises:
        UnreadableImage: it does not decode, or the range of its values is not known.
    """
    with _opened(file) as image:
        image.draft(mode, (size[0] * 2, size[1] * 2))  # JPEG decodes straight to a smaller size
        flat = _on_background(_eight_bits(ImageOps.exif_transpose(image), image), background)
        if flat.mode not in ("1", "L"):
            flat = flat.convert("RGB")  # by which Pillow makes grey of every mode
        flat = flat.convert(mode)
        if flat.size != size:
            flat = ImageOps.fit(flat, size, Image.Resampling.BILINEAR)
        pixels = np.asarray(flat)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def upright_size(file: str) -> tuple[int, int]:
    """Width and height of an image, turned as its EXIF data says.

    Raises:
        UnreadableImage: it cannot be opened.
    """
    with _opened(file) as image:
        # Pillow turns a TIFF itself.
        turned = image.format != "TIFF" and image.getexif().get(0x0112) in SIDEWAYS
        return image.size[::-1] if turned else image.size


@contextlib.contextmanager
def _opened(file: str) -> Iterator[Image.Image]:
    """An image to decode; what goes wrong meanwhile is an `UnreadableImage`."""
    try:
        with Image.open(file, formats=tuple(FORMATS)) as image:
            if image.width * image.height > (Image.MAX_IMAGE_PIXELS or np.inf):
                raise Image.DecompressionBombError
            yield image
    except UnreadableImage:
        raise
    except Exception as error:  # Pillow raises nearly anything on a damaged file
        raise UnreadableImage(_reason(file, error)) from None


def _eight_bits(image: Image.Image, opened: Image.Image) -> Image.Image:
    """An image of 16 bits or floating point scaled to 8 bits, which Pillow's own conversion would cut off at 255.

    A scale that fits one image alone would make the images of a set differ, so the range has to follow from the
    format: its number of bits, or 0 to 1.

    Args:
        image: of any mode.
        opened: the same as it was opened, which knows its format and, for a TIFF, its tags.
    """
    if image.mode != "F" and not image.mode.startswith("I"):
        return image
    values = np.asarray(image, np.float64)
    if image.mode == "I" and opened.format != "PPM":  # whose integers Pillow scales to 0 to 65535
        raise UnreadableImage("its integers have no known range: save it with 8 or 16 bits, without a sign")
    if image.mode == "F":
        low, high = values.min(), values.max()
        if not np.isfinite([low, high]).all():
            raise UnreadableImage("its floating-point values are not all finite")
        if low < -ROUNDING or high > 1 + ROUNDING:
            raise UnreadableImage(
                f"its floating-point values are {low:.4g} to {high:.4g}, not 0 to 1: scale them, or save it with 8 bits"
            )
    tags = opened.tag_v2 if isinstance(opened, TiffImageFile) else {}
    full = 1 if image.mode == "F" else 2 ** tags.get(BITS, (16,))[0] - 1
    pixels = (values * (255 / full)).clip(0, 255).round().astype(np.uint8)
    # Pillow inverts what has white at 0 in 8 bits alone.
    grey = Image.fromarray(255 - pixels if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO else pixels)
    transparent = image.info.get("transparency")
    if transparent is None:
        return grey
    return Image.merge("LA", [grey, Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8))])


def _on_background(image: Image.Image, background: str | int) -> Image.Image:
    """An image without transparency; what lies below transparent pixels is often black, and never meant."""
    if not image.has_transparency_data:
        return image
    grey = background if isinstance(background, int) else GREYS[background]
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, (grey, grey, grey, 255)), image)


def _reason(file: str, error: Exception) -> str:
    """Why a file cannot be read, in words of its owner."""
    if isinstance(error, FileNotFoundError):
        return "a link to nothing"
    if isinstance(error, Image.DecompressionBombError):
        return f"more than {Image.MAX_IMAGE_PIXELS:,} pixels"
    if isinstance(error, OSError) and error.errno:
        return (error.strerror or str(error)).lower()
    try:
        with open(file, "rb") as opened:
            head = opened.read(HEAD)
    except OSError as unreadable:
        return (unreadable.strerror or str(unreadable)).lower()
    kind = _kind(head)
    if kind not in FORMATS:
        return kind
    if isinstance(error, UnidentifiedImageError):
        return f"{kind}, but damaged or of a kind that is not read"
    return f"damaged {kind}, {one_line(error)[:120] or type(error).__name__}"


def _kind(head: bytes) -> str:
    """What a file is by its first bytes: a name of `FORMATS`, or why it is none of them."""
    if not head:
        return "an empty file"
    if head[4:8] == b"ftyp" and any(brand in head[8:64] for brand in (b"heic", b"heix", b"hevc", b"heim")):
        return f"HEIC, {UNREAD}: convert it to JPEG or PNG"
    for name, (_, accept) in Image.OPEN.items():
        with contextlib.suppress(Exception):  # made for files that are not cut off so early
            if accept is not None and accept(head[:16]) is True:
                return name if name in FORMATS else f"{name}, {UNREAD}"
    start = head.lower()
    for mark, kind in NO_IMAGES.items():
        if mark in start:
            return kind
    return "text, not an image" if head.isascii() and b"\0" not in head else "not an image"
