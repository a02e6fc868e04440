"""Command lines and YAML files that nobody should write: each runs or is refused in one sentence, in seconds."""

import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from exprun import RunResult, cli
from exprun.config.compose import Composer, typed
from exprun.config.errors import ConfigError
from exprun.config.schema import GROUPS, known_keys
from exprun.config.schema import settings as plain
from random_configs import CHECKED, OPTIONS, configs

MOST_SECONDS = 5.0
KEYS = [key for key in known_keys() if key not in ("run_dir", "data.cache")]
NASTY = [
    "", "null", "true", "no", "0", "-1", "1", "2.5", "1e400", "-1e308", "1e-320", "nan", "inf", "-inf", "1" * 400,
    "99999999999999999999", "0x10", "1_000", "''", '"', "'", "[", "]", "{", "}", "[]", "{}", "[[[[[[]]]]]]",
    "{a:{b:{c:1}}}",
    "[1,2,3]", "[null]", "{1:2}", "a b", "a=b", "=", ",", ",,", "a,b", "a,,b", "\\", "\\\\", "$", "${", "${}",
    "${seed}",
    "${trainer}", "${optim.learning_rate}", "${oc.env:HOME}", "${oc.env:NO_SUCH_VARIABLE}", "${now:%Y}",
    "${nothing}",
    "${model.layers}", "???", "~", "!", "!!python/object:os.system", "*", "&a", "range(3)", "range(0,1e9)",
    "glob(*)",
    "choice(1,2)", "interval(0,1)", "shuffle(1,2)", "sort(3,1)", "tag(a,1)", "int(2.5)", "str(1)", "float(a)",
    "../..",
    "/etc/passwd", "/dev/null", "/", ".", "é", "日本", "🙂", "\u202e", "\x1b[31m", "\n", "\t", "a\nb",
    "x" * 10_000, "%s%n",
    "<script>alert(1)</script>", "'; drop table runs; --", "conv", "{conv: 8}", "[{conv: 8}]", "[{conv: -1}]",
    "[flatten]",
    "[{conv: 8, repeat: 1000000}]", "[{dense: 1e9}]",
    "[{pool: max},{pool: max},{pool: max},{pool: max},{pool: max}]",
]  # fmt: skip
FLAGS = ["-m", "--cfg", "job", "--resolve", "--info", "all", "--package", "optim", "--version", "-h", "--bogus",
         "-", "--", "--config-dir", "--config-name", "nothing", "check", "compare", "runs", "-1", "=", "a"]  # fmt: skip

values = st.sampled_from(NASTY) | st.text(max_size=20) | st.floats().map(str) | st.integers().map(str)
overrides = st.one_of(
    st.builds("{}={}".format, st.sampled_from(KEYS), values),
    st.builds("{}={}".format, st.sampled_from(sorted(OPTIONS)), values),
    st.sampled_from(sorted(OPTIONS)).flatmap(lambda g: st.sampled_from(OPTIONS[g]).map(lambda o: f"{g}={o}")),
    st.builds("{}{}={}".format, st.sampled_from(["+", "++", "~", "-", ""]), st.sampled_from(KEYS), values),
    st.builds("{}={}".format, st.text(max_size=12), values),
    st.sampled_from(FLAGS),
)


@pytest.fixture(autouse=True)
def _nothing_runs(monkeypatch):
    """What would be trained says so instead."""

    def run(config, session=None, command=None):
        return RunResult("FINISHED", "", {}, [], Path(config.run_dir))

    monkeypatch.setattr("exprun.runner.run", run)
    monkeypatch.setattr("logging.raiseExceptions", False)  # libraries' handlers keep the streams of earlier tests
    monkeypatch.setattr("exprun.sweep.launch._open_parent", lambda *_: None)
    monkeypatch.setattr("exprun.sweep.sharing.choose", lambda *_: None)
    monkeypatch.setattr("exprun.check.check", lambda *_: SimpleNamespace(findings=[]))
    monkeypatch.setattr("exprun.check_page.check_page", lambda *_: "")
    for name in ("ui", "explain"):
        monkeypatch.setattr(f"exprun.commands.{name}.run", lambda _: 0)


def outcome(words, capsys):
    """Run a command line; it is done, or refused in one sentence."""
    capsys.readouterr()
    started = time.process_time()  # not the clock's, which other processes make late
    try:
        code = cli.main(words)
    except SystemExit as end:  # argparse's help and version
        code = end.code or 0
    seconds = time.process_time() - started
    said = capsys.readouterr()
    assert code in (0, 1, 2), (words, code)
    assert "Traceback" not in said.err, words
    if code == 2:
        assert said.err.startswith("exprun: "), (words, said.err)
        assert said.err.count("\n") == 1, (words, said.err)
        assert len(said.err) < 1500, (words, len(said.err))
    assert "\x1b" not in said.err, words
    assert seconds < MOST_SECONDS, (words, seconds)
    return code


@seed(0)
@settings(CHECKED, max_examples=20)
@given(words=st.lists(overrides, min_size=1, max_size=4))
def test_any_command_line_runs_or_is_refused_in_a_sentence(words, capsys, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    if outcome(words, capsys) == 2:
        assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.slow
@seed(1)
@settings(CHECKED, max_examples=2000)
@given(words=st.lists(overrides, min_size=1, max_size=5))
def test_two_thousand_command_lines(words, capsys):
    outcome(words, capsys)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.sampled_from(NASTY)
names = st.text(max_size=8) | st.sampled_from([key.split(".")[-1] for key in KEYS])
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4), max_leaves=12
)
files = st.one_of(
    trees.map(lambda tree: yaml.safe_dump(tree, allow_unicode=True)),
    st.text(max_size=200),
    st.sampled_from(
        [
            "", "# nothing\n", "'0'\n", "name: x\nname: y\n", "a: &a [*a]\n",
            "name: x\nlearning_rate: ${.learning_rate}\n",
            "name: x\n<<: *nothing\n", "!!python/object/apply:os.system ['touch pwned']\n", "name: !!binary aGk=\n",
            "name: !custom x\n", "\t- x\n", "name: x\nlayers: " + "[" * 2000, "{" * 500, "- " * 400 + "x\n",
            "name: x\n_target_: os.system\ncommand: touch pwned\n", "a: &a {b: 1}\nc: [" + "*a, " * 3000 + "*a]\n",
            "defaults:\n  - optim: adam\n", "defaults: 3\n", "defaults:\n  - _self_\n  - _self_\n",
            "%YAML 9.9\n---\nname: x\n",
            "--- a\n--- b\n", "name: x\x00y\n", "\ufeffname: x\n", "? [a]\n: b\n", "name: 2026-11-24\n",
            "name: 1:2:3\n",
        ]
    ),
)  # fmt: skip


def refuses_file(group, content, capsys, tmp_path):
    path = tmp_path / "conf" / group / "strange.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    try:
        outcome([f"{group}=strange"], capsys)
        assert not (tmp_path / "pwned").exists()
    finally:
        path.unlink()


@seed(2)
@settings(CHECKED, max_examples=15)
@given(group=st.sampled_from([*GROUPS, "experiment"]), content=files)
def test_any_option_file_runs_or_is_refused_in_a_sentence(group, content, capsys, tmp_path):
    refuses_file(group, content, capsys, tmp_path)


@pytest.mark.slow
@seed(3)
@settings(CHECKED, max_examples=1000)
@given(group=st.sampled_from([*GROUPS, "experiment"]), content=files)
def test_a_thousand_option_files(group, content, capsys, tmp_path):
    refuses_file(group, content, capsys, tmp_path)


@pytest.mark.parametrize("size", [300_000, 10_000_000])
def test_a_large_file_is_refused_unread(size, capsys, tmp_path):
    refuses_file("optim", "name: x\nnumbers: [" + "1, " * (size // 3) + "1]\n", capsys, tmp_path)


@pytest.mark.parametrize("kind", ["folder", "pipe", "link to itself", "unreadable"])
def test_what_is_no_file_is_refused(kind, capsys, tmp_path):
    path = tmp_path / "conf" / "optim" / "strange.yaml"
    path.parent.mkdir(parents=True)
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "link to itself":
        path.symlink_to(path)
    else:
        path.write_text("name: x\n")
        path.chmod(0)
    if kind == "unreadable" and os.geteuid() == 0:
        pytest.skip("root reads everything")
    assert outcome(["optim=strange"], capsys) == 2


@seed(4)
@settings(CHECKED, max_examples=10)
@given(words=configs(GROUPS), number=st.integers(0, 2**32 - 1))
def test_every_valid_config_comes_back_from_its_own_file(words, number):
    try:
        config = Composer().config([*words, f"seed={number}"])
    except ConfigError:  # options that do not fit each other
        return
    text = yaml.safe_dump(plain(config), sort_keys=False, allow_unicode=True)
    assert typed(yaml.safe_load(text)) == config
