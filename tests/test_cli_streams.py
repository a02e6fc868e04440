"""Standard streams that are closed when the program starts."""

import subprocess
import sys

import pytest

CODE = """
import os, sys
from exprun.cli import main
code = main(["runs"])
with open("found", "w") as file:
    print(code, file.fileno() > 2, sys.stdin.isatty(), sys.stdout.isatty(), sys.stderr.isatty(), file=file)
"""


@pytest.mark.parametrize(
    "closed", [*(pytest.param(one, marks=pytest.mark.slow) for one in (">&-", "2>&-", "<&-")), "<&- >&- 2>&-"]
)
def test_a_closed_stream_is_the_null_device(tmp_path, closed):
    (tmp_path / "code.py").write_text(CODE)
    subprocess.run(f"'{sys.executable}' code.py {closed}", shell=True, check=True, stdin=subprocess.DEVNULL)
    assert (tmp_path / "found").read_text() == "2 True False False False\n"
