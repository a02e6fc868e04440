"""The summary of a run names the place where it is logged."""

import json

import pytest

from exprun.run_end import RunEnd
from exprun.run_folder import RunFolder
from tiny import config


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://user:secret@host:5000/", "http://host:5000/#/experiments/3/runs/a1?workflowType=machine_learning"),
        ("sqlite:////elsewhere.db", "sqlite:////elsewhere.db"),
        (None, "python -m exprun ui"),
    ],
)
def test_the_summary_leads_to_the_run_in_mlflow(tmp_path, monkeypatch, uri, shown):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = RunFolder(tmp_path)
    folder.tracking.write_text(json.dumps({"experiment": "3", "run_id": "a1", "uri": uri}))
    settings = config("tracking=mlflow", *([f"tracking.uri={uri}"] if uri else []))
    end = RunEnd(settings, folder, "python -m exprun", console=None, tracker=object())
    assert dict(end._hints("FINISHED"))["MLflow"] == shown
