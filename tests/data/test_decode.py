"""Image files of every kind: which are read, what becomes of their pixels, and why one cannot be read."""

import io
import struct
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from exprun import predict
from exprun.config.compose import typed
from exprun.config.errors import ConfigError
from exprun.config.images import Data
from exprun.config.schema import settings
from exprun.data import load
from exprun.data.decode import FORMATS, SUFFIXES, UnreadableImage, decode_image, upright_size
from exprun.input import Scaling
from exprun.network_interface import Interface

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow's, of damaged EXIF data
INSIDE = np.zeros((8, 8), np.uint8)
INSIDE[2:6, 2:6] = 255
RAMP = np.linspace(0, 1, 64).reshape(8, 8)


def encoded(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def decoded(content, mode="L", background="white", size=(8, 8)):
    """The pixels of a file with this content."""
    Path("image").write_bytes(content)
    return decode_image("image", size, mode, background)


def reason(content):
    with pytest.raises(UnreadableImage) as caught:
        decoded(content)
    return str(caught.value)


def png(depth, colour, rows, *chunks):
    """A PNG of 8×8 pixels of a kind that Pillow does not write."""
    whole = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))  # noqa: E731
    body = b"".join(b"\0" + row.tobytes() for row in rows)
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", 8, 8, depth, colour, 0, 0, 0)), *chunks, (b"IDAT", zlib.compress(body)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(whole(*chunk) for chunk in (*chunks, (b"IEND", b"")))


def test_pillow_opens_every_format_and_its_usual_suffixes_are_known():
    Image.init()
    assert set(FORMATS) <= set(Image.OPEN)
    registered = {suffix for suffix, kind in Image.registered_extensions().items() if kind in (*FORMATS, "MPO")}
    assert registered - SUFFIXES == {".avifs"}  # moving images


@pytest.mark.parametrize("kind", [*FORMATS, "MPO"])
def test_every_format_is_read(kind):
    options = {"save_all": True, "append_images": [Image.new("RGB", (8, 8))]} if kind == "MPO" else {}
    pixels = decoded(encoded(Image.new("RGB", (8, 8), (200, 100, 50)), kind, **options), "RGB")
    assert pixels[4, 4].tolist() == pytest.approx([200, 100, 50], abs=3)


def black_icon(mode):
    """Black within, transparent and black around it."""
    icon = Image.new("RGBA", (8, 8))
    icon.putalpha(Image.fromarray(INSIDE))
    return icon.convert(mode)


def palette_icon():
    icon = Image.new("P", (8, 8), 0)
    icon.putpalette([0, 0, 0] * 256)
    icon.paste(1, (2, 2, 6, 6))
    return icon


TRANSPARENT = {
    "RGBA": lambda: encoded(black_icon("RGBA")),
    "LA": lambda: encoded(black_icon("LA")),
    "WebP": lambda: encoded(black_icon("RGBA"), "WEBP", lossless=True),
    "TIFF": lambda: encoded(black_icon("RGBA"), "TIFF"),
    "palette": lambda: encoded(palette_icon(), transparency=0),
    "palette with alpha": lambda: encoded(palette_icon(), transparency=b"\0\xff"),
    "GIF": lambda: encoded(palette_icon(), "GIF", transparency=0),
    "colour key": lambda: encoded(Image.fromarray(INSIDE // 255).convert("RGB"), transparency=(0, 0, 0)),
    "grey key": lambda: encoded(Image.fromarray(INSIDE // 255), transparency=0),
    "16-bit grey with alpha": lambda: png(16, 4, np.stack([INSIDE * 0, INSIDE * 257.0], 2).astype(">u2")),
    "16-bit grey key": lambda: png(16, 0, (INSIDE // 255).astype(">u2"), (b"tRNS", b"\0\0")),
}


@pytest.mark.parametrize("kind", TRANSPARENT)
@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize(("background", "grey"), [("white", 255), ("black", 0), (128, 128)])
def test_transparency_is_laid_on_the_background(kind, mode, background, grey):
    pixels = decoded(TRANSPARENT[kind](), mode, background)
    assert set(pixels[0, 0]) == {grey}
    assert pixels[4, 4].max() <= 1


def test_half_transparency_is_blended_before_the_image_is_scaled():
    half = Image.new("RGBA", (8, 8), (0, 0, 0, 128))
    assert decoded(encoded(half), background="white")[0, 0, 0] == pytest.approx(127, abs=1)
    white = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    white.paste((255, 255, 255, 255), (0, 0, 8, 4))
    # A black that nobody sees must not shine through at the edge.
    assert (decoded(encoded(white), background="white", size=(3, 3)) == 255).all()


def tiff(bits, photometric, body):
    """A TIFF of 8×8 grey pixels of a kind that Pillow does not write."""
    tags = {256: 8, 257: 8, 258: bits, 259: 1, 262: photometric, 273: 8, 277: 1, 278: 8, 279: len(body)}
    entries = b"".join(struct.pack("<HHII", tag, 4 if tag in (273, 279) else 3, 1, tags[tag]) for tag in tags)
    return b"II*\0" + struct.pack("<I", 8 + len(body)) + body + struct.pack("<H", len(tags)) + entries + bytes(4)


def twelve_bits(values):
    """Two values in three bytes."""
    pairs = values.reshape(-1, 2).astype(int).tolist()
    return b"".join((one << 12 | two).to_bytes(3, "big") for one, two in pairs)


@pytest.mark.parametrize(
    "content",
    [
        lambda: encoded(Image.fromarray((RAMP * 65535).astype(np.uint16))),
        lambda: tiff(16, 1, (RAMP * 65535).astype("<u2").tobytes()),
        lambda: tiff(16, 0, ((1 - RAMP) * 65535).astype("<u2").tobytes()),
        lambda: tiff(12, 1, twelve_bits(RAMP * 4095)),
        lambda: tiff(8, 0, ((1 - RAMP) * 255).astype(np.uint8).tobytes()),
        lambda: encoded(Image.fromarray((RAMP * 65535).astype(np.uint16)), "TIFF"),
        lambda: b"P5 8 8 65535\n" + (RAMP * 65535).astype(">u2").tobytes(),
        lambda: b"P5 8 8 1023\n" + (RAMP * 1023).astype(">u2").tobytes(),
        lambda: encoded(Image.fromarray(RAMP.astype(np.float32)), "TIFF"),
        lambda: b"Pf 8 8\n-1.0\n" + RAMP[::-1].astype("<f4").tobytes(),
    ],
)
def test_what_has_a_known_range_is_scaled_to_it(content):
    np.testing.assert_allclose(decoded(content())[..., 0], RAMP * 255, atol=1)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((RAMP * 255).astype(np.float32), "floating-point values are 0 to 255, not 0 to 1"),
        ((RAMP * 2 - 1).astype(np.float32), "floating-point values are -1 to 1, not 0 to 1"),
        (np.where(INSIDE, np.nan, RAMP).astype(np.float32), "not all finite"),
        ((RAMP * 255).astype(np.int32), "the range of its integers is not known"),
        ((RAMP * 65535).astype(np.int32), "the range of its integers is not known"),
    ],
)
def test_what_has_none_is_refused(values, said):
    assert said in reason(encoded(Image.fromarray(values), "TIFF"))


@pytest.mark.parametrize(("kind", "mode"), [("JPEG", "CMYK"), ("TIFF", "CMYK"), ("TIFF", "YCbCr")])
def test_colours_of_other_spaces_stay(kind, mode):
    content = encoded(Image.new("RGB", (8, 8), (200, 100, 50)).convert(mode), kind)
    assert decoded(content, "RGB")[4, 4].tolist() == pytest.approx([200, 100, 50], abs=3)
    assert decoded(content)[4, 4] == pytest.approx(124, abs=3)


def test_lab_can_be_made_grey():
    assert decoded(encoded(Image.new("LAB", (8, 8), (255, 128, 128)), "TIFF"))[4, 4] == pytest.approx(255, abs=3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_each_format_is_turned_as_exif_says(kind):
    made = Image.new("RGB", (16, 8), "blue")
    made.paste((255, 0, 0), (0, 0, 8, 8))
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = decoded(encoded(made, kind, exif=exif), "RGB", size=(8, 16))
    assert upright_size("image") == (8, 16)
    np.testing.assert_allclose(pixels[1, 1], [255, 0, 0], atol=8)
    np.testing.assert_allclose(pixels[-2, -2], [0, 0, 255], atol=8)


def test_damaged_exif_data_does_not_cost_the_image():
    content, exif = encoded(Image.new("RGB", (8, 8), "red"), "JPEG"), b"Exif\0\0II*\0\xff\xff\0\0nonsense"
    content = content[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + content[2:]
    assert decoded(content, "RGB")[4, 4].tolist() == pytest.approx([255, 0, 0], abs=3)


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3)).astype(np.uint8))
# An ISO file whose brand says HEIC.
HEIC = b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf" + bytes(100)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "an empty file"),
        (b"a text that is no image, whatever its name", "text, not an image"),
        ("Größe".encode(), "not an image"),
        (bytes(1000), "not an image"),
        (b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG, a format that is not read"),
        (b"<!DOCTYPE html><html>404 not found</html>", "a web page, not an image"),
        (b"%PDF-1.7\n", "PDF, a format that is not read"),
        (b"8BPS\0\1" + bytes(60), "PSD, a format that is not read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "EPS, a format that is not read"),
        (HEIC, "HEIC, a format that is not read: convert it to JPEG or PNG"),
        (HEIC.replace(b"heic", b"mif1", 1), "HEIC, a format that is not read: convert it to JPEG or PNG"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
        (encoded(NOISE, "JPEG")[:1500], "damaged JPEG, image file is truncated"),
        (encoded(NOISE, "JPEG")[:20], "JPEG, but damaged or of a variant that is not supported"),
        (encoded(NOISE)[:-60], "damaged PNG, image file is truncated"),
        (encoded(NOISE)[:16], "damaged PNG, Truncated File Read"),
        (encoded(NOISE, "TIFF").replace(struct.pack("<HHII", 262, 3, 1, 2), struct.pack("<HHII", 262, 3, 1, 99)),
         "TIFF, but damaged or of a variant that is not supported"),
    ],
)  # fmt: skip
def test_why_a_file_is_not_read(content, said):
    assert reason(content).startswith(said)


@pytest.mark.parametrize("kind", [*FORMATS])
def test_wherever_a_file_is_cut_off_the_reason_names_its_format(kind):
    content = encoded(NOISE, kind)
    for length in (20, 40, len(content) // 2):
        assert kind in reason(content[:length])


@pytest.mark.parametrize("sides", [(10_000, 10_000), (20_000, 10_000)])  # Pillow warns of the first, refuses the other
def test_an_image_of_too_many_pixels(sides, recwarn):
    assert reason(encoded(Image.new("1", sides))) == "more than 89,478,485 pixels"


def test_a_file_without_permission(monkeypatch):
    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Image, "open", denied)  # whoever runs the tests may be permitted all
    assert reason(encoded(NOISE)) == "permission denied"


def folder(**config):
    """Two classes of transparent icons, and their config."""
    for name in ("a", "b"):
        for number in range(6):
            icon = black_icon("RGBA")
            icon.putpixel((number, 0), (255, 0, 0, 255))
            Path(f"set/{name}").mkdir(parents=True, exist_ok=True)
            icon.save(f"set/{name}/{number}.png")
    return Data(**{"name": "image_folder", "root": "set", "channels": 3, "corrupt": "skip", "size": 8} | config)


def test_another_background_is_never_served_from_the_cache():
    data = {background: load(folder(background=background)) for background in ("white", "black", "white")}
    assert data["white"].train.images[0, -1, -1].tolist() == [255] * 3
    assert data["black"].train.images[0, -1, -1].tolist() == [0] * 3
    assert data["white"].fingerprint != data["black"].fingerprint


@pytest.mark.parametrize("background", ["black", "white", 77])
def test_predict_decodes_as_training_does(monkeypatch, background):
    trained = load(folder(background=background)).train.images
    seen = []

    def model(images):
        seen.append(images)
        return np.zeros((len(images), 2))

    scaling = Scaling(np.ones(3, np.float32), np.zeros(3, np.float32))
    monkeypatch.setattr(predict, "network", lambda _: (model, Interface(["a", "b"], (8, 8, 3), scaling)))
    files, left_out = predict.find(["set"])
    assert left_out == []
    found = list(predict.predict(SimpleNamespace(config={"data.background": background}), files, 1))
    assert [one.problem for one in found] == [""] * 12
    np.testing.assert_array_equal(np.concatenate(seen), trained)


def test_predict_says_why_as_training_does(monkeypatch):
    config = folder(corrupt="skip", background="white")
    Path("set/a/9.jpg").write_bytes(HEIC)
    (skipped,) = load(config).skipped
    scaling = Scaling(np.ones(3, np.float32), np.zeros(3, np.float32))
    interface = Interface(["a", "b"], (8, 8, 3), scaling)
    monkeypatch.setattr(predict, "network", lambda _: (lambda images: np.zeros((len(images), 2)), interface))
    (found,) = predict.predict(SimpleNamespace(config={}), ["set/a/9.jpg"], 1)
    assert skipped == f"set/a/9.jpg: {found.problem}"
    assert "HEIC" in found.problem


def test_the_config_of_an_older_run_has_the_default(composer):
    raw = settings(composer.config(["data=image_folder", "data.root=set", "data.background=black"]))
    del raw["data"]["background"]
    assert typed(raw).data.background == "white"


def test_other_sets_do_not_use_a_background(composer):
    assert "background" not in settings(composer.config([]))["data"]
    with pytest.raises(ConfigError, match=r"data=digits does not use data\.background"):
        composer.config(["data.background=white"])
