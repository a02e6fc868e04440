"""A wheel in an empty environment, used from an empty folder."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_a_wheel_works_in_an_empty_environment(tmp_path):
    def call(*words: str) -> str:
        done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
        assert done.returncode == 0, f"{words}\n{done.stdout[-1500:]}\n{done.stderr[-3000:]}"
        return done.stdout

    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    call(sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path / "dist"), str(ROOT))
    [wheel] = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        assert "exprun/conf/model/vgg16.yaml" in content.namelist()
    call(sys.executable, "-m", "venv", str(tmp_path / "venv"))
    python = str(tmp_path / "venv" / "bin" / "python")
    call(python, "-m", "pip", "install", "--quiet", "-c", str(ROOT / "constraints.txt"), str(wheel))
    (tmp_path / "empty").mkdir()
    tmp_path = tmp_path / "empty"
    assert "model=" in call(python, "-m", "exprun", "--help")
    out = call(str(Path(python).with_name("exprun")), "experiment=smoke")
    assert "test, at the best validation" in out
    assert (tmp_path / "outputs" / "mlflow.db").exists()
