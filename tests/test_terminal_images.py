"""Images in terminals that draw them, and nothing in any other; a pseudo-terminal plays the terminal."""

import base64
import os
import pty
import re
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image

from exprun import terminal_images
from exprun.pages import pictures

SCRIPT = """
from PIL import Image
from exprun import terminal_images
print(terminal_images.draw(lambda: Image.new("RGB", (20, 13), "red")))
"""


def output(answer, wait=0.0, **environ):
    """What a process writes to a pseudo-terminal that answers to the request for its attributes."""
    ours, theirs = pty.openpty()
    base = {name: value for name, value in os.environ.items() if name not in REMOVED}
    env = {**base, "TERM": "xterm-256color", **environ}
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdin=theirs, stdout=theirs, stderr=theirs, env=env, start_new_session=True,
        preexec_fn=_control_terminal,
    )  # fmt: skip
    os.close(theirs)
    seen = b""

    def read():
        nonlocal seen
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:
                return
            if not part:
                return
            seen += part
            if b"\x1b[c" in part and answer:
                time.sleep(wait)
                os.write(ours, answer)

    reader = threading.Thread(target=read)
    reader.start()
    process.wait(30)
    reader.join(30)
    os.close(ours)
    return seen.decode()


def _control_terminal():
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


REMOVED = ("TMUX", "STY", "ZELLIJ", "CI", "KITTY_WINDOW_ID", "TERM_PROGRAM", "EXPRUN_PICTURES", "COLUMNS")


def test_a_terminal_that_answers_with_sixel_gets_a_sixel_image():
    text = output(b"\x1b[?62;4;22c")
    drawn = re.search(r"\x1bP(.*?)\x1b\\", text, re.S)
    assert drawn
    assert drawn[1].startswith('q"1;1;20;13')
    assert drawn[1].count("-") == 3  # bands of six rows
    assert "!20~" in drawn[1]  # a row of 20 columns with six pixels each
    assert text.rstrip().endswith("True")


@pytest.mark.parametrize(
    "answer",
    [b"", *(pytest.param(one, marks=pytest.mark.slow) for one in (b"\x1b[?62;22c", b"\x1b[?1;2c", b"nonsense"))],
)
def test_other_terminals_get_no_image_and_do_not_wait_long(answer):
    text = output(answer)
    assert not any(start in text for start in ("\x1bP", "\x1b_G", "\x1b]1337"))
    assert text.rstrip().endswith("False")


@pytest.mark.slow
def test_a_late_answer_is_not_waited_for():
    assert "\x1bP" not in output(b"\x1b[?62;4c", wait=1.0)


@pytest.mark.parametrize(
    ("environ", "start"),
    [
        ({"TERM": "xterm-kitty"}, "\x1b_Ga=T,f=100,q=2,m=0;"),
        pytest.param({"KITTY_WINDOW_ID": "1"}, "\x1b_Ga=T", marks=pytest.mark.slow),
        ({"TERM_PROGRAM": "iTerm.app"}, "\x1b]1337;File=inline=1;size="),
        pytest.param({"TERM_PROGRAM": "WezTerm"}, "\x1b]1337;File=inline=1;size=", marks=pytest.mark.slow),
    ],
)
def test_terminals_that_are_known_by_variables_are_not_asked(environ, start):
    text = output(b"", **environ)
    assert start in text
    assert "\x1b[c" not in text


@pytest.mark.parametrize(
    "environ",
    [
        {"TMUX": "/tmp/tmux-0/default,1,0"},
        pytest.param({"STY": "1.pts-0"}, marks=pytest.mark.slow),
        {"CI": "true"},
        pytest.param({"TERM": "dumb"}, marks=pytest.mark.slow),
        {"EXPRUN_PICTURES": "false"},
    ],
)
def test_where_images_cannot_or_shall_not_be_drawn_nothing_is_asked(environ):
    text = output(b"\x1b[?62;4;22c", **{"KITTY_WINDOW_ID": "1", **environ})
    assert text.strip() == "False"


def test_a_pipe_gets_no_image():
    env = {**os.environ, "TERM": "xterm-kitty", "KITTY_WINDOW_ID": "1"}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(("side", "count"), [(8, 100), (32, 3), (300, 4)])
def test_the_start_of_a_sheet_is_small_and_small_images_are_enlarged(side, count):
    images = [np.full((side, side, 3), 40 * number % 256, np.uint8) for number in range(count)]
    found = terminal_images.start_of(pictures.sheet(images))
    assert found.width <= terminal_images.SIZE[0]
    assert found.height <= terminal_images.SIZE[1]
    assert min(found.size) >= min(terminal_images.CELL, side)


def test_a_large_image_is_sent_to_kitty_in_parts():
    image = Image.effect_noise((120, 90), 80)
    text = terminal_images.encoded(image, "kitty")
    parts = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", text)
    assert len(parts) > 1
    assert all(len(part) <= terminal_images.CHUNK for _, part in parts)
    assert [settings.endswith("m=1") for settings, _ in parts] == [True] * (len(parts) - 1) + [False]
    assert base64.b64decode("".join(part for _, part in parts)).startswith(b"\x89PNG")
