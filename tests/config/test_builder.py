"""The code of `model.builder`, told apart without running it."""

import sys

import pytest

from exprun.config import builder
from exprun.config.builder import code_digest

SOURCE = '''"""Networks."""
import keras
from nets.parts import block
from . import shapes


def net(shape, classes):
    """A network."""
    x = keras.Input(shape)  # pixels
    return keras.Model(x, block(x, classes, 4))
'''


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A package of modules, and others beside it, in the working folder."""
    files = {
        "nets/__init__.py": "SIZE = 3\n",
        "nets/own.py": SOURCE,
        "nets/parts.py": "def block(x, classes, width):\n    import helpers\n    return helpers.dense(x, classes)\n",
        "nets/shapes.py": "from .deep.er import most\n",
        "nets/deep/er.py": "most = 4\n",
        "helpers.py": "from keras import layers\ndef dense(x, n):\n    return layers.Dense(n)(x)\n",
        "train.py": "import nets\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def digest(name="nets.own:net"):
    """As another process would find it."""
    builder._digest.cache_clear()
    return code_digest(name)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("nets/own.py", "classes, 4)", "classes, 32)"),
        ("nets/parts.py", "dense(x, classes)", "dense(x, classes + 0)"),
        ("nets/shapes.py", "import most", "import most as shape"),
        ("nets/deep/er.py", "4", "5"),
        ("nets/__init__.py", "3", "5"),
        ("helpers.py", "Dense(n)", "Dense(n, use_bias=False)"),
    ],
)
def test_the_module_and_what_it_imports_of_its_folder_count(project, file, old, new):
    before = digest()
    assert len(before) == 12
    text = (project / file).read_text()
    (project / file).write_text(text.replace(old, new))
    assert text.count(old) == 1
    assert digest() != before


def test_comments_docstrings_formatting_and_other_files_do_not(project):
    before = digest()
    text = SOURCE.replace("# pixels", "# images").replace('"""A network."""', '"""Another word."""')
    (project / "nets/own.py").write_text(text.replace("def net(shape, classes):", "def net(shape,\n   classes):"))
    (project / "train.py").write_text("import nets.own\n")
    (project / "nets/unused.py").write_text("x = 1\n")
    assert digest() == before


def test_nothing_is_run_or_imported(project):
    (project / "nets/own.py").write_text("raise SystemExit('run')\n")
    assert digest()
    assert "nets" not in sys.modules


def test_code_that_does_not_parse_is_told_apart_by_its_text(project):
    (project / "nets/own.py").write_text("def net(:\n")
    before = digest()
    (project / "nets/own.py").write_text("def net(::\n")
    assert "" != digest() != before


@pytest.mark.parametrize("name", ["nowhere:net", "nets.nowhere.at_all:net", "sys:net"])
def test_a_module_that_is_not_there_has_at_most_its_package(project, name):
    before = digest(name)
    (project / "nets/own.py").write_text("")
    assert digest(name) == before


def test_of_an_installed_package_its_own_modules_count_alone(project, monkeypatch):
    installed = project / "site-packages"
    for name, text in {
        "made/__init__.py": "from made import inner\nimport other\n",
        "made/inner.py": "a = 1\n",
    }.items():
        (installed / name).parent.mkdir(parents=True, exist_ok=True)
        (installed / name).write_text(text)
    (installed / "other.py").write_text("b = 1\n")
    monkeypatch.syspath_prepend(str(installed))
    before = digest("made:net")
    (installed / "other.py").write_text("b = 2\n")
    assert digest("made:net") == before
    (installed / "made/inner.py").write_text("a = 2\n")
    assert digest("made:net") != before


def test_a_process_keeps_to_the_code_that_it_has_imported(project):
    before = digest()
    (project / "nets/own.py").write_text("")
    assert code_digest("nets.own:net") == before
