"""From an image file to its pixels: the formats that can be read, their decoding, and the reasons if it fails."""

import contextlib
import io
import os
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from exprun.config.errors import one_line

# Pillow's names of the formats, with their usual suffixes. Pillow decodes all of them itself; for EPS, which is not
# in the list, it would start another program. MPO is a JPEG with further images after the first, opened as JPEG.
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
BITS, PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0  # two TIFF tags, and a value of the second
SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height
GREYS = {"white": 255, "black": 0}
HEAD = 512  # bytes read from the start of a file to identify its format
UNREAD = "a format that is not read"
# Files that often have the name of an image but are none, by the bytes they begin with.
NO_IMAGES = {
    b"%pdf": f"PDF, {UNREAD}",
    b"<svg": f"SVG, {UNREAD}",
    b"<html": "a web page, not an image",
    b"<!doctype html": "a web page, not an image",
    b"version https://git-lfs": "a Git LFS pointer, not the image: git lfs pull fetches it",
}
Content = str | bytes  # the path of an image file, or its content
# The last bytes of an image of these formats; a file that lacks them has often been cut off.
ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}
ROUNDING = 1e-3  # tolerance around the range 0 to 1 of floating-point pixels


class UnreadableImage(Exception):
    """An image file cannot be read; the message is the reason, without the name of the file."""


class Piece(bytes):
    """The content of an image that is stored, as it is, in a file with many images.

    Attributes:
        file: the path of the file.
        offset: the place of its first byte in the file.
    """

    file: str
    offset: int

    @classmethod
    def of(cls, content: bytes, file: str, offset: int) -> "Piece":
        """The content of an image, with its place."""
        piece = cls(content)
        piece.file, piece.offset = file, offset
        return piece


def decode_image(
    file: Content, size: tuple[int, int], mode: str, background: str | int = "white", scale: bool = True
) -> np.ndarray:
    """Decode one image, crop its centre to the wanted aspect ratio, and scale it to the wanted size.

    Args:
        file: path of the image file, or its content.
        size: width and height of the result.
        mode: `L` for grey, `RGB` for colour.
        scale: whether an image of another size is cropped and scaled, or returned as it is.
        background: colour under transparent pixels: `white`, `black` or a grey from 0 to 255.

    Returns:
        The pixels, uint8, (height, width, channels).

    Raises:
        UnreadableImage: the file cannot be decoded, or the range of its values is not known.
    """
    with _opened(file) as image:
        image.draft(mode, (size[0] * 2, size[1] * 2))  # a JPEG can be decoded at a smaller size, which is faster
        flat = _on_background(_eight_bits(ImageOps.exif_transpose(image), image), background)
        if flat.mode not in ("1", "L"):
            flat = flat.convert("RGB")  # from RGB, Pillow can convert every mode to grey
        flat = flat.convert(mode)
        if flat.size != size and scale:
            flat = ImageOps.fit(flat, size, Image.Resampling.BILINEAR)
        pixels = np.asarray(flat)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def upright_size(file: Content) -> tuple[int, int]:
    """Width and height of an image after it is rotated according to its EXIF orientation.

    Args:
        file: path of the image file, or its content.

    Raises:
        UnreadableImage: the file cannot be opened.
    """
    with _opened(file) as image:
        # Pillow rotates a TIFF when it opens it.
        turned = image.format != "TIFF" and image.getexif().get(0x0112) in SIDEWAYS
        return image.size[::-1] if turned else image.size


def read_file(file: str) -> bytes:
    """The content of an image file.

    Raises:
        UnreadableImage: the file cannot be read.
    """
    try:
        with open(file, "rb") as opened:
            return opened.read()
    except (OSError, ValueError) as error:
        raise UnreadableImage(_reason(file, error)) from None


def check_head(content: bytes) -> None:
    """Look for what is wrong with an image without decoding it, except if it seems to be cut off.

    Args:
        content: the content of the image file.

    Raises:
        UnreadableImage: the image cannot be decoded. Damage in the middle of the image is not found.
    """
    with _opened(content) as image:
        _check_range(image, image)
        end = ENDS.get(image.format or "", b"")
        if not content.endswith(end):
            image.load()


@contextlib.contextmanager
def _opened(file: Content) -> Iterator[Image.Image]:
    """An opened image; any error while it is open is raised as `UnreadableImage`."""
    try:
        with Image.open(io.BytesIO(file) if isinstance(file, bytes) else file, formats=tuple(FORMATS)) as image:
            if image.width * image.height > (Image.MAX_IMAGE_PIXELS or np.inf):
                raise Image.DecompressionBombError
            yield image
    except UnreadableImage:
        raise
    except Exception as error:  # Pillow raises exceptions of many classes for a damaged file
        raise UnreadableImage(_reason(file, error)) from None


def _eight_bits(image: Image.Image, opened: Image.Image) -> Image.Image:
    """An image of 16-bit or floating-point values scaled to 8 bits; Pillow's own conversion would clip it at 255.

    All images of a data set need the same scale. So the range depends only on the format: on its number of bits, or 0
    to 1 for floating point. It does not depend on the values in the image.

    Args:
        image: the image, in any mode.
        opened: the image as Pillow opened it, with its format and, for a TIFF, its tags.
    """
    if image.mode != "F" and not image.mode.startswith("I"):
        return image
    _check_range(image, opened)
    values = np.asarray(image, np.float64)
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
    # Pillow inverts an image in which 0 is white only if it has 8 bits.
    grey = Image.fromarray(255 - pixels if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO else pixels)
    transparent = image.info.get("transparency")
    if transparent is None:
        return grey
    return Image.merge("LA", [grey, Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8))])


def _check_range(image: Image.Image, opened: Image.Image) -> None:
    """Refuse integers whose range is not known; Pillow scales those of a PPM to 0 to 65535."""
    if image.mode == "I" and opened.format != "PPM":
        raise UnreadableImage("the range of its integers is not known: save it with unsigned 8-bit or 16-bit values")


def _on_background(image: Image.Image, background: str | int) -> Image.Image:
    """The image on a plain background; transparent pixels are often stored as black, which should not be visible."""
    if not image.has_transparency_data:
        return image
    grey = background if isinstance(background, int) else GREYS[background]
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, (grey, grey, grey, 255)), image)


def _reason(file: Content, error: Exception) -> str:
    """The reason why a file cannot be read, in words that its owner understands."""
    if isinstance(error, FileNotFoundError):
        return "a broken link" if os.path.islink(file) else "there is no such file"
    if isinstance(error, Image.DecompressionBombError):
        return f"more than {Image.MAX_IMAGE_PIXELS:,} pixels"
    if isinstance(error, OSError) and error.errno:
        return (error.strerror or str(error)).lower()
    try:
        with io.BytesIO(file) if isinstance(file, bytes) else open(file, "rb") as opened:
            head = opened.read(HEAD)
    except OSError as unreadable:
        return (unreadable.strerror or str(unreadable)).lower()
    kind = _kind(head)
    if kind not in FORMATS:
        return kind
    if isinstance(error, UnidentifiedImageError):
        return f"{kind}, but damaged or of a variant that is not supported"
    return f"damaged {kind}, {one_line(error)[:120] or type(error).__name__}"


def _kind(head: bytes) -> str:
    """The format of a file by its first bytes: a name in `FORMATS`, or a description of what it is instead."""
    if not head:
        return "an empty file"
    if head[4:8] == b"ftyp" and any(brand in head[8:64] for brand in (b"heic", b"heix", b"hevc", b"heim")):
        return f"HEIC, {UNREAD}: convert it to JPEG or PNG"
    for name, (_, accept) in Image.OPEN.items():
        with contextlib.suppress(Exception):  # `accept` may raise if the file ends too early
            if accept is not None and accept(head[:16]) is True:
                return name if name in FORMATS else f"{name}, {UNREAD}"
    start = head.lower()
    for mark, kind in NO_IMAGES.items():
        if mark in start:
            return kind
    return "text, not an image" if head.isascii() and b"\0" not in head else "not an image"
