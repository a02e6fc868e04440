"""Images within the text of a terminal, only where the terminal is known to draw them.

Three protocols are in use: kitty's (https://sw.kovidgoyal.net/kitty/graphics-protocol/), iTerm2's
(https://iterm2.com/documentation-images.html) and sixel (DEC STD 070, chapter 9). The first two are known by variables
that the terminal sets. Sixel is known by the terminal's answer to the request for its attributes (DA1), which is waited
for briefly. The libraries for this ask the terminal while they are imported, or need a native library.
"""

import base64
import io
import os
import re
import select
import sys
import time
from collections.abc import Callable, Mapping
from typing import IO, TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from PIL.Image import Image

    from exprun.pages.pictures import Sheet

Protocol = Literal["kitty", "iterm2", "sixel"]
SWITCH = "EXPRUN_PICTURES"  # environment variable; `false` or `0` turns images off
KITTY = ("xterm-kitty", "xterm-ghostty")  # values of TERM
ITERM = ("iTerm.app", "WezTerm")  # values of TERM_PROGRAM
# A multiplexer swallows the protocols, or shows the image in the wrong pane; in CI, a person reads the output later.
NEVER = ("TMUX", "STY", "ZELLIJ", "CI")
ANSWER_SECONDS = 0.3  # time for the answer of the terminal, also over a slow connection
ANSWER = re.compile(rb"\x1b\[\?([\d;]*)c")
CHUNK = 4096  # characters of base64 in one part of kitty's protocol
SIZE = (640, 200)  # pixels of the start of a sheet
CELL = 64  # pixels to which an image of a sheet is enlarged at most
COLOURS = 64  # of a sixel image


def draw(make: "Callable[[], Image | None]") -> bool:
    """Draw an image on standard output if it is a terminal that can; returns whether it was drawn.

    Args:
        make: a function that returns a Pillow image, whose pixels become pixels of the screen, or None if there is
            none; it is called only if the image will be drawn.
    """
    found = protocol(sys.stdout)
    image = make() if found is not None else None
    if found is None or image is None:
        return False
    print(encoded(image, found), flush=True)
    return True


def start_of(sheet: "Sheet") -> "Image":
    """The first images of a sheet that fit into a small image; small ones are enlarged.

    Args:
        sheet: the images.
    """
    from PIL import Image

    whole = Image.open(io.BytesIO(base64.b64decode(sheet.uri.partition(",")[2])))
    height, width = sheet.cell
    factor = max(1, CELL // max(height, width))
    columns = max(1, min(sheet.columns, SIZE[0] // (factor * width)))
    rows = max(1, min(sheet.rows, SIZE[1] // (factor * height)))
    part = whole.crop((0, 0, columns * width, rows * height))
    return part.convert("RGB").resize((factor * part.width, factor * part.height), Image.Resampling.NEAREST)


def protocol(stream: IO[str], environ: Mapping[str, str] = os.environ) -> Protocol | None:
    """The protocol by which a terminal draws images; None if it is not known to draw any.

    Args:
        stream: the stream that is written to.
        environ: the environment variables.
    """
    if not stream.isatty() or environ.get("TERM", "dumb") == "dumb" or any(environ.get(name) for name in NEVER):
        return None
    if environ.get(SWITCH, "").lower() in ("false", "0", "no", "off"):
        return None
    if environ.get("KITTY_WINDOW_ID") or environ["TERM"] in KITTY:
        return "kitty"
    if environ.get("TERM_PROGRAM") in ITERM:
        return "iterm2"
    return "sixel" if "4" in _attributes(stream) else None


def _attributes(stream: IO[str]) -> list[str]:
    """The attributes in the terminal's answer to DA1, of which 4 is sixel; none if it does not answer in time."""
    try:
        import termios
        import tty
    except ImportError:  # Windows
        return []
    if not sys.stdin.isatty():
        return []
    source, target = sys.stdin.fileno(), stream.fileno()
    try:
        if os.tcgetpgrp(source) != os.getpgrp():  # in the background, reading would stop this process
            return []
        before = termios.tcgetattr(source)
    except (OSError, termios.error):
        return []
    answer = b""
    try:
        tty.setcbreak(source, termios.TCSANOW)
        stream.flush()
        os.write(target, b"\x1b[c")
        end = time.monotonic() + ANSWER_SECONDS
        while not ANSWER.search(answer) and select.select([source], [], [], max(0.0, end - time.monotonic()))[0]:
            read = os.read(source, 100)
            if not read:
                break
            answer += read
    except OSError:
        return []
    finally:
        termios.tcsetattr(source, termios.TCSANOW, before)
    found = ANSWER.search(answer)
    return found[1].decode().split(";") if found else []


def encoded(image: "Image", found: Protocol) -> str:
    """The characters that draw an image.

    Args:
        image: a Pillow image.
        found: the protocol.
    """
    if found == "sixel":
        return _sixel(image)
    file = io.BytesIO()
    image.save(file, "png")
    text = base64.b64encode(file.getvalue()).decode()
    if found == "iterm2":
        return f"\x1b]1337;File=inline=1;size={len(file.getvalue())};width={image.width}px:{text}\x07"
    parts = [text[start : start + CHUNK] for start in range(0, len(text), CHUNK)]
    return "".join(
        f"\x1b_G{'' if place else 'a=T,f=100,q=2,'}m={int(place < len(parts) - 1)};{part}\x1b\\"
        for place, part in enumerate(parts)
    )


def _sixel(image: "Image") -> str:
    """An image in bands of six rows; each band is written once for each of its colours."""
    import numpy as np

    reduced = image.convert("RGB").quantize(COLOURS)
    palette = np.array(reduced.getpalette(), int).reshape(-1, 3)
    pixels = np.asarray(reduced)
    colours = np.unique(pixels)
    lines = [f'\x1bPq"1;1;{image.width};{image.height}']
    lines += [f"#{c};2;{';'.join(str(round(part / 2.55)) for part in palette[c])}" for c in colours]
    for top in range(0, image.height, 6):
        band = pixels[top : top + 6]
        bits = 1 << np.arange(len(band))
        rows = []
        for colour in np.unique(band):
            columns = ((band == colour) * bits[:, None]).sum(0)
            rows.append(f"#{colour}{_run_lengths(''.join(chr(63 + value) for value in columns))}")
        lines.append("$".join(rows) + "-")
    return "".join([*lines, "\x1b\\"])


def _run_lengths(text: str) -> str:
    """Sixel characters with each repeat of more than three as `!COUNT`."""
    return re.sub(r"(.)\1{3,}", lambda same: f"!{len(same[0])}{same[1]}", text)
