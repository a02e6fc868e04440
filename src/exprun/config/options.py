"""The folders of config files, and the options that lie in them. Nothing here composes a config."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

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
    return options_in(config_dirs(config_dir))


def options_in(folders: Sequence[Path]) -> dict[str, dict[str, str]]:
    """Every group with its options in these folders, first hit wins, each with the line that describes it."""
    found: dict[str, dict[str, str]] = {}
    for file in _option_files(folders):
        found.setdefault(file.parent.name, {})[file.stem] = _description(file)
    return {group: dict(sorted(found[group].items())) for group in sorted(found)}


def option_settings(group: str, folders: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """The options of a group with the keys and values of their files; a file that cannot be read has none."""
    found = {file.stem: _content(file) for file in _option_files(folders) if file.parent.name == group}
    return dict(sorted(found.items()))


def root_settings(folders: Sequence[Path], config_name: str = "config") -> dict[str, Any]:
    """The content of the root config; empty where it cannot be read.

    Args:
        folders: the folders searched for the root config, first hit wins.
        config_name: the name of its file, without the suffix.
    """
    files = (folder / f"{config_name}.yaml" for folder in folders)
    return next((_content(file) for file in files if file.is_file()), {})


def default_options(root: dict[str, Any]) -> dict[str, str]:
    """The option of each group that a root config starts from; groups for which it names none are left out."""
    entries = root.get("defaults")
    named = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return {str(group): str(option) for entry in named for group, option in entry.items() if option is not None}


def _option_files(folders: Sequence[Path]) -> Iterator[Path]:
    """The option files; those of the folder that is searched first come last, and so replace others of their name."""
    for folder in reversed(folders):
        for file in sorted(folder.glob("*/*.yaml")):
            # Reading a pipe would wait for whoever writes to it.
            if file.is_file() and (file.parent.name in GROUPS or file.parent.name == "experiment"):
                yield file


def _content(file: Path) -> dict[str, Any]:
    """The mapping in a config file; empty where the file cannot be read as one."""
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


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
