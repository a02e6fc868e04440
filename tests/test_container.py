"""The files from which the container is built."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
HARDWARE = ("base", "gpu")  # values of the Dockerfile's argument


def copied() -> set[str]:
    """The sources of each COPY in the Dockerfile."""
    lines = [line.split() for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("COPY ")]
    sources = [source for _, *sources, _ in lines for source in sources]
    return {source.replace("${HARDWARE}", name) for source in sources for name in HARDWARE}


def test_what_the_container_copies_exists_and_is_not_ignored():
    allowed = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"}
    for source in copied():
        assert (ROOT / source).exists(), source
        assert source.split("/")[0] in allowed, source


def test_the_container_has_all_that_the_wheel_is_built_from():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {project["project"]["readme"], *project["project"]["license-files"], "pyproject.toml"}
    needed |= {*wheel["packages"], *wheel["force-include"]}
    assert not {path for path in needed if path.split("/")[0] not in copied()}
