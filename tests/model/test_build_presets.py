"""The newer networks of conf/model/ learn, raise no alarm, and work with each norm."""

import numpy as np
import pytest

from exprun import cli, run
from exprun.config.compose import Composer
from exprun.model import build

ADAMW = ["optim=adamw", "init=truncated_normal", "init.stddev=0.02"]
MODELS = {
    "mobilenet": ["optim=adamw"],
    "resnet50": ["optim=adamw"],
    "wide_resnet28_10": ["optim.learning_rate=0.01"],
    "convnext_tiny": ADAMW,
    "vit_tiny": ADAMW,
}
DIGITS = ["data=digits", "data.size=16", "data.channels=3", "data.limit=100", "trainer.batch_size=16"]


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_first_steps_reduce_the_loss_and_check_finds_nothing(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = [f"model={model}", *MODELS[model], *DIGITS, "trainer.precision=float32"]
    assert cli.main(["check", *words]) == 0
    steps = ["trainer.overfit_batch=true", "trainer.epochs=10", "schedule=constant"]
    history = run([*words, *steps, "tracking=none", "doctor=none", "progress=quiet"]).history
    losses = [epoch["train/loss"] for epoch in history]
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["batch", "layer", "group", "none"])
@pytest.mark.parametrize("model", MODELS)
def test_each_norm_works(model, norm):
    settings = Composer().config([f"model={model}", f"norm={norm}", "init=glorot_uniform", *DIGITS])
    network = build(settings, (16, 16, 3), 10).model
    images = np.random.default_rng(0).normal(size=(2, 16, 16, 3)).astype(np.float32)
    logits = network(images, training=True).numpy()
    assert np.isfinite(logits).all()
    assert (logits[0] != logits[1]).any()  # without norm, logits can be tiny
