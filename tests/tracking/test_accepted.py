"""What is refused before training is what MLflow would refuse, and nothing else."""

import pytest

from exprun.config.errors import ConfigError
from exprun.preflight import preflight
from exprun.tracking import accepted
from exprun.tracking.sync import sync
from tiny import config, tiny

KEYS = [
    "a", "a b", "a.b", "a-b", "a_b", "a:b", "a/b", "ä", "0", "...", "..", ".", "", "/a", "a/", "a//b", "./a", "a/../b",
    "..a", "a@b", "a$b", "a#b", "a,b", "a\tb", "a\nb", "a(b)", "a'b", "a%b", "a=b", "x" * 250, "x" * 251,
]  # fmt: skip


def taken(check, *arguments):
    from mlflow.exceptions import MlflowException

    try:
        check(*arguments)
    except (ConfigError, MlflowException):
        return False
    return True


@pytest.mark.parametrize("key", KEYS, ids=ascii)
def test_a_key_is_refused_where_mlflow_refuses_it(key):
    from mlflow.utils.validation import _validate_tag

    assert taken(accepted._check_key, "it", key) is taken(_validate_tag, key, "value")


@pytest.mark.parametrize(
    "uri",
    [
        "sqlite:///x.db", "sqlite:////tmp/x.db", "postgresql://u:p@host/db", "postgresql+psycopg2://host/db",
        "mysql+pymysql://host/db", "http://host", "https://host:5000/path", "databricks", "databricks://profile",
    ],
)  # fmt: skip
def test_an_address_that_mlflow_takes_is_taken(uri):
    accepted.check_uri(uri, "--uri")


@pytest.mark.parametrize(
    "uri", ["./mlruns", "mlruns", "/tmp/mlruns", "file:mlruns", "file:///tmp/mlruns", "C:\\mlruns"]
)
def test_a_folder_is_refused_as_long_as_mlflow_refuses_it(uri, monkeypatch):
    with pytest.raises(ConfigError, match=r"a folder, but MLflow 3 does not keep runs in folders: .*sqlite:////"):
        accepted.check_uri(uri, "--uri")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    accepted.check_uri(uri, "--uri")


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("127.0.0.1:5000", "has no scheme: give http://127.0.0.1:5000"),
        ("ftp://host", "does not know"),
        ("sqlite://x.db", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("http://", "names no server"),
        ("http://host:port", "names no server"),
        ("http://[::1", "names no server"),
        ("http://host:99999", "names no server"),
        ("ftp://me:secret@host", r"ftp://\*\*\*@host"),
    ],
)
def test_an_address_that_is_none_is_refused(uri, said):
    with pytest.raises(ConfigError, match=said):
        accepted.check_uri(uri, "--uri")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (f"tracking.experiment={'x' * 257}", "tracking.experiment has 257 characters, but MLflow accepts 256"),
        (f"tracking.run_name={'x' * 251}", "tracking.run_name has 251 characters, but MLflow accepts 250"),
        (f"tracking.tags={{{'x' * 237}: 1}}", "has 251 characters, but MLflow accepts 250"),  # as tracking.tags.xxx…
        ("tracking.tags={mlflow.runName: other}", "set tracking.run_name"),
        ("doctor.rates={a@b: [0.1, 1]}", "doctor.rates.a@b is not a name that MLflow accepts"),
    ],
)
def test_names_are_refused_before_training(override, said):
    words = ["tracking=mlflow", "doctor=watch", override]
    with pytest.raises(ConfigError, match=said):
        preflight(config(*words))


def test_a_variable_is_checked_and_named_too(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "./mlruns")
    with pytest.raises(ConfigError, match=r"^MLFLOW_TRACKING_URI is \./mlruns, a folder"):
        preflight(config("tracking=mlflow"))
    assert preflight(config("tracking=none")) is None


def test_a_run_whose_store_mlflow_no_longer_takes_is_told_what_to_do(tmp_path):
    folder = tiny("trainer.max_steps=1").run_dir
    (folder / "tracking.json").write_text('{"uri": "./mlruns"}')
    [(_, problem)] = sync([folder], None)
    assert problem.startswith("its store is ./mlruns, a folder")
