"""A wheel in an empty environment, used from an empty folder."""

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", ["base", "dev", "gpu"])
def test_the_lock_has_a_hash_and_a_fitting_version_of_all_that_is_asked_for(name):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extra = project["project"]["optional-dependencies"].get(name, [])
    asked = [*project["project"]["dependencies"], *project["dependency-groups"]["build"], *extra]
    own = [wanted for wanted in map(Requirement, asked) if wanted.name == "exprun"]  # dev has the extras of others
    asked += [
        words for one in own for name in one.extras for words in project["project"]["optional-dependencies"][name]
    ]
    entries = (ROOT / "requirements" / f"{name}.txt").read_text().replace("\\\n", " ").splitlines()
    locked: dict[str, list[str]] = {}
    for entry in entries:
        if not entry.startswith("#"):
            words, *hashes = entry.split("--hash=sha256:")
            assert hashes, f"{words} has no hash"
            found = Requirement(words)
            [version] = [one.version for one in found.specifier if one.operator == "=="]
            locked.setdefault(canonicalize_name(found.name), []).append(version)
    for wanted in set(map(Requirement, asked)) - set(own):
        versions = locked.get(canonicalize_name(wanted.name), [])
        assert versions, f"{wanted} is not in the lock: scripts/lock"
        assert all(wanted.specifier.contains(version) for version in versions), f"{wanted}: {versions}"


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
        files = ("conf/model/vgg16.yaml", "pages/base.html", "pages/uplot/uPlot.iife.min.js", "compare/report.js")
        assert {f"exprun/{file}" for file in files} <= set(content.namelist())
    call(sys.executable, "-m", "venv", str(tmp_path / "venv"))
    python = str(tmp_path / "venv" / "bin" / "python")
    locked = str(ROOT / "requirements" / "base.txt")
    call(python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", locked)
    call(python, "-m", "pip", "install", "--quiet", "--no-deps", str(wheel))
    (tmp_path / "empty").mkdir()
    tmp_path = tmp_path / "empty"
    assert "model=" in call(python, "-m", "exprun", "--help")
    out = call(str(Path(python).with_name("exprun")), "experiment=smoke")
    assert "test, at the best validation" in out
    assert (tmp_path / "outputs" / "mlflow.db").exists()
