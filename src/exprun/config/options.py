"""The folders of config files, and the options that lie in them."""

from pathlib import Path

from exprun.config.errors import ConfigError
from exprun.config.paths import user_path
from exprun.config.schema import GROUPS


def shipped_conf() -> Path:
    """The folder of what ships: inside the installed package, or `conf/` of a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "conf"
    return inside if inside.is_dir() else package.parents[1] / "conf"


def config_dirs(config_dir: str | None = None) -> list[Path]:
    """The folders searched for config files, first hit wins.

    Raises:
        ConfigError: `config_dir` is given and is no folder.
    """
    shipped = shipped_conf()
    found = []
    if config_dir is not None:
        found.append(user_path(config_dir, f"--config-dir {config_dir}").resolve())
        if not found[0].is_dir():
            raise ConfigError(f"--config-dir {config_dir} is not a folder.")
    own = Path.cwd() / "conf"
    if own.is_dir() and not own.samefile(shipped) and not _is_foreign(own):
        found.append(own)
    return [*found, shipped]


def options(config_dir: str | None = None) -> dict[str, dict[str, str]]:
    """Every group with its options, each with the line that describes it."""
    found: dict[str, dict[str, str]] = {}
    for folder in reversed(config_dirs(config_dir)):
        for file in sorted(folder.glob("*/*.yaml")):
            if not file.is_file():  # reading a pipe would wait for whoever writes to it
                continue
            if file.parent.name not in GROUPS and file.parent.name != "experiment":
                continue
            found.setdefault(file.parent.name, {})[file.stem] = _description(file)
    return {group: dict(sorted(found[group].items())) for group in sorted(found)}


def _description(file: Path) -> str:
    """The first comment of a config file, but for Hydra's `# @package`."""
    with open(file, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if not line.startswith("#"):
                break
            if not line.startswith("# @"):
                return line.lstrip("# ").strip()
    return ""


def _is_foreign(conf: Path) -> bool:
    """Whether a `conf/` is that of another program that uses Hydra: its root config is not made from ours."""
    root = conf / "config.yaml"
    if not root.is_file():
        return False
    with open(root, encoding="utf-8", errors="replace") as lines:
        return not any(line.strip() == "- defaults" for line in lines)
