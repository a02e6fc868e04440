"""`python -m exprun serve`: what it answers, what it refuses, and that nothing of it is left."""

import base64
import json
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import numpy as np
import pytest
from PIL import Image

from exprun import cli
from exprun.commands import serve
from exprun.predict import predict
from exprun.records import find_run
from reliability.common import plain_signals
from servers import free_port
from tiny import SMALL, leave_out_pages, tiny


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        leave_out_pages(patch)
        tiny(*SMALL, "run_dir=outputs/runs/it", "trainer.epochs=1")
        tiny(*SMALL, "run_dir=outputs/runs/bare", "trainer.epochs=1", "trainer.checkpoint=false")
    rng = np.random.default_rng(0)
    for number in range(2):
        Image.fromarray(rng.integers(0, 256, (20, 30), np.uint8)).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def place(trained, monkeypatch):
    monkeypatch.chdir(trained)
    return trained


def predictions(place):
    files = [str(place / f"{number}.png") for number in range(2)]
    return [dict(one.classes) for one in predict(find_run("it"), files, 10)]


def body(*contents):
    """A request with image files."""
    return json.dumps({"dataframe_records": [{"image": base64.b64encode(one).decode()} for one in contents]})


def pictures(place):
    return [(place / f"{number}.png").read_bytes() for number in range(2)]


def test_the_model_answers_what_predict_says(place, tmp_path):
    """The model as MLflow's server loads it and calls it, without the server."""
    import mlflow
    from mlflow.exceptions import MlflowException
    from mlflow.pyfunc import scoring_server

    from exprun import serving

    serving.save(find_run("it"), tmp_path / "model")
    model = mlflow.pyfunc.load_model(str(tmp_path / "model"))

    def asked(*contents):
        table = json.loads(body(*contents))
        return model.predict(scoring_server.infer_and_parse_data(table, model.metadata.get_input_schema()))

    found = asked(*pictures(place))
    assert [list(one) for one in found] == [list(one) for one in predictions(place)]  # the likeliest first
    for one, wanted in zip(found, predictions(place), strict=True):
        assert one == pytest.approx(wanted, abs=1e-6)
    with pytest.raises(MlflowException, match=r"Image 1 cannot be read: text, not an image\."):
        asked(pictures(place)[0], b"nothing")


def test_the_command_line_of_the_server(place, capsys, monkeypatch):
    started = []
    monkeypatch.setattr(serve, "serve", lambda command, log: started.append(command) or 7)
    monkeypatch.setattr("exprun.serving.save", lambda *_: None)
    monkeypatch.setattr(serve, "answers", lambda *_: False)
    port = free_port()
    assert cli.main(["serve", "it", "--port", str(port)]) == 1
    assert "MLflow's server ended with code 7; its log is outputs/serve.log." in capsys.readouterr().err
    words = " ".join(started[0])
    assert "mlflow models serve --env-manager local" in words
    assert words.endswith(f"--host 127.0.0.1 --port {port}")


def test_what_cannot_be_served_is_one_sentence(place, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for words, code, said in (
            (["it", "--port", str(port)], 2, f"choose another: python -m exprun serve it --port {port + 1}."),
            (["nothing"], 2, "There is no run named nothing"),
            (["it", "--port", "0"], 2, "--port is 0, but must be from 1 to 65535."),
            (["bare", "--port", str(free_port())], 1, "has no checkpoints/best.npz"),
        ):
            assert cli.main(["serve", *words]) == code
            printed = capsys.readouterr()
            assert said in printed.err
            assert (printed.out, printed.err.count("\n")) == ("", 1)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_server_answers_a_picture_and_a_signal_ends_all_of_it(place, name, code):
    port = free_port()
    command = [sys.executable, "-m", "exprun", "serve", "it", "--port", str(port)]
    process = subprocess.Popen(command, text=True, stdout=subprocess.PIPE, preexec_fn=plain_signals)
    try:
        line = process.stdout.readline()
        assert f"outputs/runs/it answers at http://127.0.0.1:{port}/invocations" in line
        head = {"Content-Type": "application/json"}
        address = f"http://127.0.0.1:{port}/invocations"
        request = urllib.request.Request(address, body(*pictures(place)).encode(), head)
        with urllib.request.urlopen(request, timeout=100) as answer:
            found = json.load(answer)["predictions"]
        for one, wanted in zip(found, predictions(place), strict=True):
            assert one == pytest.approx(wanted, abs=1e-6)
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(urllib.request.Request(address, body(b"nothing").encode(), head), timeout=100)
    finally:
        process.send_signal(signal.Signals[name])
        process.communicate()
    assert process.returncode == code
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
