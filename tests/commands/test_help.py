"""`--help`, and help about a command, a group or a key: complete, short, and without anything heavy."""

import shlex
import subprocess
import sys
import time
from functools import cache

import pytest

from exprun import cli, commands
from exprun.commands.help import EXAMPLES, WIDTH, _cut, text
from exprun.config.keys import keys_of
from exprun.config.options import _content, options
from exprun.config.schema import GROUPS, known_keys
from exprun.sweep import plan

LOADED = "import sys; {}; print(*sorted(sys.modules), file=sys.stderr)"
HEAVY = {"tensorflow", "keras", "mlflow", "numpy", "scipy", "matplotlib", "rich", "sqlite3", "exprun.config.compose"}


@cache
def loaded(statement):
    """The modules that a statement imports in a fresh process."""
    command = [sys.executable, "-c", LOADED.format(statement)]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stderr.split())


def test_the_overview_names_commands_groups_and_examples_on_one_screen():
    lines = text([]).splitlines()
    assert len(lines) <= 50
    assert all(len(line) <= WIDTH for line in lines)
    assert all(sum(line.startswith(f"  {name} ") for line in lines) == 1 for name in (*commands.NAMES, *options()))
    assert all(any(c in line and line.endswith(t) for line in lines) for c, t in EXAMPLES)


def test_the_overview_has_the_default_of_each_group_and_the_number_of_its_options(composer):
    rows = {line.split()[0]: line.split()[1:3] for line in text([]).splitlines() if line.startswith("  ")}
    default = composer.config(["run_dir=here"])
    for group, found in options().items():
        option, number = rows[group]
        assert int(number) == len(found)
        if group == "experiment":
            assert option == "–"
        else:
            assert composer.config([f"{group}={option}", "run_dir=here"]) == default


def test_the_overview_says_what_each_command_does():
    for name in commands.NAMES:
        description = commands.load(name).parser().description
        assert f"{description.partition('. ')[0].removesuffix('.')}.\n" in text([])


@pytest.mark.parametrize("group", [*GROUPS, "experiment"])
def test_help_of_a_group_has_all_its_options_and_keys(group):
    shown = {tuple(line.split(maxsplit=1)) for line in text([group]).splitlines() if line.startswith("  ")}
    assert set(options()[group].items()) <= shown
    if group in GROUPS:
        assert {(key.name, key.meaning) for key in keys_of(group)} <= shown


@pytest.fixture(scope="module")
def _files_are_read_once():
    """Help of a key reads all option files of its group, and there are hundreds of keys."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("exprun.config.options._content", cache(_content))
        yield


@pytest.mark.usefixtures("_files_are_read_once")
@pytest.mark.parametrize("key", known_keys())
def test_help_of_a_key_begins_with_its_description(key):
    first, _, *facts = text([key]).splitlines()
    assert first.startswith(f"{key}: ")
    assert facts[0].startswith("  type ")
    assert "???" not in "".join(facts)


def test_help_of_a_key_has_range_defaults_and_the_options_that_use_it():
    shown = " ".join(text(["optim.momentum"]).split())
    assert "type number range ≥ 0, < 1 default" in shown
    assert "0.6 in muon_nesterov" in shown
    assert "0.0 in rmsprop, rmsprop_slow" in shown
    assert "used by optim=muon, muon_nesterov, nesterov," in shown
    assert "adam" not in shown
    assert "default 0.0; 0.01 in adamw, muon;" in " ".join(text(["optim.weight_decay"]).split())
    assert "values auto, rich, plain, quiet" in " ".join(text(["progress"]).split())


def test_help_of_a_command_is_its_own(capsys):
    for name in commands.NAMES:
        with pytest.raises(SystemExit):
            cli.main([name, "--help"])
        own = capsys.readouterr().out
        assert cli.main(["--help", name]) == 0
        assert capsys.readouterr().out == own


def test_the_word_may_stand_on_either_side_and_overrides_beside_it_are_left_alone(capsys):
    for words in (["--help", "norm"], ["norm", "--help"], ["-h", "norm", "optim=adam"], ["-m", "--help", "norm"]):
        assert cli.main(words) == 0
        assert capsys.readouterr().out == text(["norm"])
    assert cli.main(["model=vgg16", "--help"]) == 0
    assert capsys.readouterr().out == text([])


def test_options_and_defaults_of_ones_own_count(tmp_path, capsys):
    (tmp_path / "mine/model").mkdir(parents=True)
    (tmp_path / "mine/model/tiny.yaml").write_text("# Very small.\nname: tiny\nactivation: tanh\n")
    (tmp_path / "mine/config.yaml").write_text("defaults: [defaults, {model: tiny}]\n")
    (tmp_path / "mine/other.yaml").write_text("defaults: [defaults, {model: vgg11}]\n")
    assert cli.main(["--config-dir", "mine", "--help", "model"]) == 0
    shown = capsys.readouterr().out
    assert "(default: tiny)" in shown
    assert "Very small." in shown
    assert "tanh in tiny" in text(["model.activation"], "mine")
    assert cli.main(["--config-dir", "mine", "--config-name", "other", "--help", "model"]) == 0
    assert "(default: vgg11)" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == [tmp_path / "mine"]


@pytest.mark.parametrize("content", ["name: [", "3", "\x00", "defaults: 3"])
def test_damaged_files_do_not_keep_help_from_being_printed(tmp_path, content):
    (tmp_path / "conf/norm").mkdir(parents=True)
    (tmp_path / "conf/config.yaml").write_text(f"# - defaults\n{content}")
    (tmp_path / "conf/norm/mine.yaml").write_text(content)
    for words in ([], ["norm"], ["norm.momentum"]):
        assert text(words, "conf")


@pytest.mark.parametrize(
    "word", ["", *(pytest.param(one, marks=pytest.mark.slow) for one in ("optim", "optim.momentum", "check"))]
)
def test_help_loads_nothing_heavy_and_no_more_of_hydra_than_its_parser(word):
    found = loaded(f"from exprun.cli import main; assert main({['--help', *word.split()]}) == 0")
    assert not HEAVY & found
    parser = loaded("from hydra._internal.utils import get_args_parser")
    assert {name for name in found - parser if name.partition(".")[0] in ("hydra", "omegaconf", "antlr4")} == set()


@pytest.mark.parametrize(
    "word", ["", "optim.momentum", *(pytest.param(word, marks=pytest.mark.slow) for word in ("model", "compare"))]
)
def test_help_comes_at_once(word):
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "exprun", "--help", *word.split()], capture_output=True, check=True)
    assert time.perf_counter() - started < 5  # 0.3 s where nothing else runs


def test_every_example_is_accepted(composer):
    for command, _ in EXAMPLES:
        words = [w for w in shlex.split(command.removeprefix("python -m exprun")) if w not in ("-m", "--cfg", "job")]
        assert plan.make(composer, words) if " -m model" in command else composer.config(words)


def test_a_line_that_is_too_long_ends_with_a_clause():
    sentence = "One clause, another one; and a third."
    assert _cut(sentence, len(sentence)) == sentence
    assert _cut(sentence, len(sentence) - 1) == "One clause, another one."
    assert _cut(sentence, 20) == "One clause."
    assert _cut(sentence, 5) == "One …"
