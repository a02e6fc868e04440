"""`--help`: an overview, or the help of a command, a group or a key, read from the schema and the option files.

No config is composed and no run is read, so that the help is printed at once.
"""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from exprun.commands import NAMES, load
from exprun.config.errors import ConfigError, did_you_mean
from exprun.config.keys import PRESETS, Key, as_typed, find_key, keys_of, meaning_of
from exprun.config.options import config_dirs, default_options, option_settings, options_in, root_settings
from exprun.config.schema import GROUPS, known_keys

WIDTH = 110  # columns of a line; the lines of a group's options and keys may be longer
TO_BE_GIVEN = "???"  # the value in a config file of a key that a person has to give
LONGEST_VALUE = 60  # characters of a value that is printed; for a longer value, only its options are named

EXAMPLES = (
    ("python -m exprun", "a small network on digits, in seconds"),
    ("python -m exprun model=vgg16 optim=sgd_momentum", "VGG-16 with batch norm"),
    ("python -m exprun -m model=vgg16 norm=none,batch seed=0,1,2", "with and without norm, three seeds each"),
    ("python -m exprun data=image_folder data.root=IMAGES data.size=64", "your own images, one folder per class"),
    ("python -m exprun --cfg job model=resnet20", "print the whole config, run nothing"),
)
START = """\
exprun trains an image-classification CNN that a config describes, and logs the run to MLflow.

  python -m exprun [group=option] [group.key=value] …   train
  python -m exprun -m group=option,option …             train every combination: a sweep
  python -m exprun COMMAND …                            run one of the commands
"""
END = """\
More: --help WORD, where the word is a command (--help check), a group or a key (--help optim.learning_rate).
Also: --resolve, --config-dir, --info, --hydra-help, --version; completion: eval "$(exprun -sc install=bash)"
"""


def text(words: Sequence[str], config_dir: str | None = None, config_name: str = "config") -> str:
    """The text that `--help` prints.

    Args:
        words: the commands, groups and keys to describe; without any, the overview is returned.
        config_dir: a folder of config files that is searched before all others.
        config_name: the name of the root config, which names the default option of each group.

    Raises:
        ConfigError: a word is not a command, a group or a key; the message names the nearest ones.
    """
    folders = config_dirs(config_dir)
    root = root_settings(folders, config_name)
    return "\n".join(_about(word, folders, root) for word in words) if words else _overview(folders, root)


def _overview(folders: Sequence[Path], root: dict[str, Any]) -> str:
    """The overview: what can be typed, the commands, the groups, and examples."""
    commands = [(name, _first_sentence(str(load(name).parser().description))) for name in NAMES]
    options, default = options_in(folders), default_options(root)
    groups = [
        (group, default.get(group, "–"), f"{len(options[group]):>2}", meaning_of(group))
        for group in (*GROUPS, PRESETS)
        if group in options
    ]
    parts = (
        START,
        f"Commands:\n{_table(commands, WIDTH)}",
        f"Groups, each with its default and the number of its options:\n{_table(groups, WIDTH)}",
        f"Examples:\n{_table(EXAMPLES)}",
        END,
    )
    return "\n".join(parts)


def _about(word: str, folders: Sequence[Path], root: dict[str, Any]) -> str:
    """The help of a command, a group or a key."""
    if word in NAMES:
        return load(word).parser().format_help()
    options = options_in(folders)
    if word in options:
        return _about_group(word, options[word], default_options(root).get(word))
    if (key := find_key(word)) is not None:
        return _about_key(key, folders, root)
    if holders := [group for group in options if word in options[group]]:
        raise ConfigError(f"{word} is an option of {', '.join(holders)}: type --help {holders[0]}.")
    known_words = [*NAMES, *options, *known_keys()]
    raise ConfigError(f"{word[:60]} is not a command, a group or a key; {did_you_mean(word, known_words)}")


def _about_group(group: str, options: dict[str, str], default: str | None) -> str:
    """The description of a group, its options and its keys.

    Args:
        group: the name of the group.
        options: the description of each option, by its name.
        default: the default option; None without one.
    """
    note = "" if default is None else f" (default: {default})"
    parts = [
        f"{group}: {meaning_of(group)}\n",
        f"Options, chosen with {group}=OPTION{note}:\n{_table(options.items())}",
    ]
    if group in GROUPS:
        keys = [(key.name, key.meaning) for key in keys_of(group)]
        parts.append(f"Keys, set with KEY=VALUE (--help KEY: type, range and default):\n{_table(keys)}")
    return "\n".join(parts)


def _about_key(key: Key, folders: Sequence[Path], root: dict[str, Any]) -> str:
    """The description, type, range and default of a key, and the options that use it."""
    group, _, name = key.name.rpartition(".")
    files = option_settings(group, folders) if group in GROUPS else {} if group else {"config.yaml": root}
    if key.users:
        files = {option: values for option, values in files.items() if values.get("name") in key.users}
    facts = [("type", key.type), ("values", ", ".join(key.values)), ("range", ", ".join(key.limits))]
    if group in GROUPS and name == "name":
        facts.append(("default", f"set by the option, which is chosen with {group}=OPTION"))
    else:
        facts.append(("default", "; ".join(_defaults(key, name, files)) or "none"))
    if group:
        facts.append(
            ("used by", f"{group}={', '.join(files or key.users)}" if key.users else f"all options of {group}")
        )
    return f"{key.name}: {key.meaning}\n\n{_wrapped([fact for fact in facts if fact[1]])}"


def _defaults(key: Key, name: str, files: dict[str, dict[str, Any]]) -> Iterator[str]:
    """The default of a key in the schema, and each value that config files set, with the files that set it."""
    if key.default is not None:
        yield key.default
    setting: dict[str, list[str]] = {}
    for file, values in files.items():
        if name in values and (value := as_typed(values[name])) not in (key.default, TO_BE_GIVEN):
            setting.setdefault(value if len(value) <= LONGEST_VALUE else "set", []).append(file)
    for value, names in setting.items():
        yield f"{value} in {', '.join(names)}"


def _first_sentence(description: str) -> str:
    return f"{description.partition('. ')[0].removesuffix('.')}."


def _table(rows: Iterable[tuple[str, ...]], width: int | None = None) -> str:
    """A table with aligned columns, one line for each row.

    Args:
        rows: the cells of each row.
        width: the largest width of a line in columns; longer sentences in the last column are cut. None for no limit.
    """
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    start = sum(widths) + 2 * len(rows[0])
    lines = ""
    for *cells, last in rows:
        columns = [f"{cell:<{size}}" for cell, size in zip(cells, widths, strict=True)]
        lines += f"  {'  '.join([*columns, last if width is None else _cut(last, width - start)])}\n"
    return lines


def _cut(sentence: str, length: int) -> str:
    """A sentence, cut after a clause if it is longer than a length."""
    if len(sentence) <= length:
        return sentence
    ends = (sentence.rfind(mark, 0, length) for mark in ";:,")  # the strongest mark comes first
    end = next((end for end in ends if end > 0), None)
    return f"{sentence[: length - 1]}…" if end is None else f"{sentence[:end]}."


def _wrapped(rows: Sequence[tuple[str, str]]) -> str:
    """Names with their texts, which are wrapped to the width of the help."""
    width = max(len(name) for name, _ in rows) + 2
    indent = " " * (width + 2)
    return "".join(
        textwrap.fill(
            value, WIDTH, initial_indent=f"  {name:<{width}}", subsequent_indent=indent, break_on_hyphens=False
        )
        + "\n"
        for name, value in rows
    )
