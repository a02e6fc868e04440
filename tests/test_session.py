"""Runs that share a session: as fast as the graph allows, and as if each were alone."""

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest

from exprun import Session, garbage, run, run_doctor
from exprun.input import Preprocessing, Scaling
from exprun.trainer.device import Device
from exprun.trainer.step import Step
from exprun.trainer.structure import structure
from tiny import SMALL, TINY, checkpoint, config, same

pytestmark = pytest.mark.usefixtures("own_steps")
DEVICE = Device(None, 1, "float32", False, "CPU", False)

RANDOM = "model.layers=[{conv: 4},{pool: max},flatten,{dense: 8, dropout: 0.3}]"
DETERMINISTIC = ["trainer.deterministic=true", "augment=flip_crop", "trainer.epochs=1", "loss=label_smoothing"]


@pytest.fixture
def made(monkeypatch):
    """Every step that is built while a test runs."""
    steps, build = [], Step.__init__

    def count(self, *args):
        steps.append(self)
        build(self, *args)

    monkeypatch.setattr(Step, "__init__", count)
    return steps


@pytest.mark.parametrize(
    "varied",
    [
        ["seed=1"],
        pytest.param(["optim.learning_rate=0.003"], marks=pytest.mark.slow),
        pytest.param(["schedule=cosine", "trainer.epochs=2"], marks=pytest.mark.slow),
        pytest.param(["loss.label_smoothing=0"], marks=pytest.mark.slow),
        pytest.param(["augment.crop=2"], marks=pytest.mark.slow),
        pytest.param(["init=orthogonal"], marks=pytest.mark.slow),
    ],
    ids=lambda words: words[0],
)
def test_a_run_that_shares_a_step_ends_with_the_bits_of_one_that_is_alone(varied, made):
    session, words = Session(), [*TINY, *DETERMINISTIC, RANDOM]
    run(words, session)
    shared = run([*words, *varied], session)
    assert len(made) == 1
    alone = run([*words, *varied], Session(session.datasets))
    assert len(made) == 2
    assert same(checkpoint(shared), checkpoint(alone))
    assert shared.history == alone.history


@pytest.mark.slow
def test_random_changes_of_other_strengths_share_a_step_and_resume(made):
    """RandAugment, TrivialAugment, erasing and mixing depend only on the seed and the step, to the last bit."""
    words = [*TINY, *SMALL, "data.limit=200", "trainer.deterministic=true", "schedule=constant", "augment=mixup"]
    words += ["augment.cutmix=1", "augment.randaugment=0.9", "augment.trivialaugment=1", "augment.erasing=0.5"]
    varied = ["augment.mixup=0.3", "augment.cutmix=0.5", "augment.randaugment=0.5", "augment.randaugment_ops=1"]
    varied += ["augment.trivialaugment=0.2", "augment.erasing=0.2", "seed=1"]
    session = Session()
    first = run(words, session)
    shared = run([*words, *varied], session)
    part = [*words, *varied, "run_dir=part"]
    run([*part, "trainer.epochs=1"], session)
    assert len(made) == 1
    resumed = run([*part, "trainer.resume=true"], Session(session.datasets))
    assert same(checkpoint(resumed), checkpoint(shared))
    assert resumed.history == shared.history != first.history


@pytest.mark.slow
def test_stochastic_depth_and_attention_share_a_step_and_resume(made):
    """Which blocks are left out depends only on the seed and the step, to the last bit."""
    layers = (
        "model.layers=[{conv: 4, stride: 2},{block: [{residual: [{attention: 2}]},{inverted: 4}], repeat: 2},flatten]"
    )
    words = [*TINY, *SMALL, layers, "model.stochastic_depth=0.5", "data.limit=200", "trainer.deterministic=true"]
    session, words = Session(), [*words, "schedule=constant"]
    first = run(words, session)
    shared = run([*words, "seed=1"], session)
    run([*words, "seed=1", "run_dir=part", "trainer.epochs=1"], session)
    assert len(made) == 1
    resumed = run([*words, "seed=1", "run_dir=part", "trainer.resume=true"], Session(session.datasets))
    assert same(checkpoint(resumed), checkpoint(shared))
    assert resumed.history == shared.history != first.history


@pytest.mark.slow
def test_networks_of_keras_applications_share_a_step_with_all_numbers_of_frozen_stages(made):
    network = ["model=application", "model.application=MobileNetV3Small", "model.layers=null", "model.head_dropout=0.2"]
    words = [*TINY, *network, "data.size=32", "data.channels=3", "data.limit=100", "trainer.deterministic=true"]
    words += ["schedule.unfreeze=1", "trainer.epochs=2", "doctor=none"]
    session = Session()
    first = run(words, session)
    shared = run([*words, "seed=1"], session)
    assert len(made) == 1
    alone = run([*words, "seed=1"], Session(session.datasets))
    assert same(checkpoint(shared), checkpoint(alone))
    assert shared.history == alone.history != first.history


@pytest.mark.slow
def test_averages_start_afresh(made):
    session, words = Session(), [*TINY, *DETERMINISTIC, "trainer.ema=0.9"]
    run(words, session)
    again = run([*words, "seed=1"], session)
    alone = run([*words, "seed=1"], Session(session.datasets))
    assert len(made) == 2
    assert same(checkpoint(again), checkpoint(alone))


@pytest.mark.slow
def test_another_structure_gets_a_step_of_its_own(made):
    session, words = Session(), [*TINY, *SMALL, "trainer.max_steps=1"]
    for norm in ("batch", "none"):
        run([*words, f"norm={norm}"], session)
    assert len(made) == 2
    assert session.steps.popitem()[1] is made[1]


def key_of(*overrides, scale=1.0, reverse=False, weights=None, device=DEVICE, shape=(8, 8, 1), classes=10):
    scaling = Scaling(np.full(1, scale, np.float32), np.zeros(1, np.float32), reverse=reverse)
    about = Preprocessing(Scaling(np.ones(1, np.float32), np.zeros(1, np.float32)), scaling), device, weights
    return structure(config(*DETERMINISTIC, *overrides), shape, classes, *about)


@pytest.mark.parametrize(
    "other",
    [
        "model.activation=gelu",
        "norm=none",
        "norm.momentum=0.8",
        "optim=adam",
        "optim.momentum=0.8",
        "optim.clip_norm=1",
        "optim.bias_rate=2",
        "trainer.batch_size=16",
        "trainer.ema=0.5",
        "trainer.epochs=2 trainer.swa_start=1",
        "model.layers=[{conv:4},{global_pool:avg}] schedule.sizes=[0.5]",
        "trainer.deterministic=false",
        "trainer.overfit_batch=true",
        "trainer.metrics=[binary_accuracy]",
        "augment=flip",
        "augment=none",
        "augment.mixup=1",
        "augment.randaugment=0.5",
        "adversary=fgsm",
        "fault=softmax_twice",
        "model.freeze=[conv1]",
    ],
)
def test_a_setting_that_is_part_of_the_graph_changes_the_structure(other):
    assert key_of(*other.split(" ")) != key_of()


def test_a_first_layer_that_whitens_changes_the_structure_for_its_rate_is_0():
    layers, shape = "model.layers=[{conv: 24, kernel: 2},flatten]", (8, 8, 3)
    assert key_of(layers, "init=whiten", shape=shape) != key_of(layers, "init=dirac", shape=shape)
    assert key_of(layers, "init=he_normal", shape=shape) == key_of(layers, "init=dirac", shape=shape)


@pytest.mark.slow
def test_a_network_whose_layers_depend_on_other_settings_is_never_shared():
    session = Session()
    run([*TINY, "fault=bypass_preprocessing", "trainer.max_steps=1"], session)
    assert not session.steps


@pytest.mark.parametrize(
    "other",
    [
        {"scale": 1.0000001},
        {"reverse": True},
        {"weights": np.ones(10)},
        {"device": replace(DEVICE, precision="mixed_bfloat16")},
        {"device": replace(DEVICE, jit=True)},
        {"shape": (8, 9, 1)},
        {"classes": 11},
    ],
    ids=lambda other: next(iter(other)),
)
def test_so_do_data_and_device(other):
    assert key_of(**other) != key_of()


@pytest.mark.slow
def test_a_model_from_python_is_never_shared(tmp_path, monkeypatch, made):
    (tmp_path / "own_model.py").write_text(
        "import keras\n\ndef make(shape, classes):\n"
        "    return keras.Sequential([keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(classes)])\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    session, words = Session(), ["model=python", "model.builder=own_model:make", "trainer.max_steps=1", *TINY[1:]]
    for seed in (0, 1):
        run([*words, f"seed={seed}"], session)
    assert len(made) == 2


def test_a_step_that_is_let_go_of_is_freed_though_the_process_has_settled():
    class Cyclic:
        def __init__(self):
            self.own = self

    session = Session()
    session.steps["first"] = Cyclic()
    first = weakref.ref(session.steps["first"])
    garbage.freeze()
    assert gc.get_freeze_count() > 0
    session.evict_other_steps("first")
    assert first() is not None
    session.evict_other_steps("second")
    assert first() is None
    assert gc.get_freeze_count() == 0


def test_what_a_run_built_and_left_to_a_shared_step_is_freed_before_the_next(monkeypatch):
    from exprun.model import build

    models = []

    def noted(*given):
        built = build(*given)
        models.append(weakref.ref(built.model))
        return built

    monkeypatch.setattr("exprun.model.build", noted)
    session, words = Session(), [*TINY, *SMALL, "trainer.max_steps=1"]
    gc.disable()
    try:
        for seed in range(3):
            garbage.freeze()
            run([*words, f"seed={seed}"], session)
        garbage.freeze()
        alive = [model() is not None for model in models]
    finally:
        gc.enable()
        gc.unfreeze()
    assert alive == [True, False, False]


@pytest.mark.slow
def test_a_shared_step_has_the_initialisers_of_the_run_that_it_does():
    session, words = Session(), [*TINY, *SMALL, "trainer.max_steps=1"]
    for init in ("glorot_uniform", "he_normal"):
        run([*words, f"init={init}"], session)
    (step,) = session.steps.values()
    kinds = {
        type(layer.kernel_initializer).__name__
        for layer in step.model.layers
        if layer.name != "classifier" and hasattr(layer, "kernel_initializer")
    }
    assert kinds == {"HeNormal"}


def test_a_run_that_shares_a_step_throws_no_kernels_away_and_has_the_same_names(monkeypatch):
    from tensorflow.python.eager.context import context

    session, words = Session(), [*TINY, *SMALL, "trainer.max_steps=1"]
    first = run(words, session)
    monkeypatch.setattr(type(context()), "clear_kernel_cache", lambda _: pytest.fail("thrown away"))
    monkeypatch.setattr(type(context()), "_set_global_seed", lambda *_: pytest.fail("thrown away"))
    again = run([*words, "seed=1"], session)
    assert checkpoint(again).keys() == checkpoint(first).keys()
    assert (again.run_dir / "model.txt").read_text() == (first.run_dir / "model.txt").read_text()


@pytest.mark.slow
def test_the_doctor_looks_once_at_images_that_runs_share_and_says_it_of_each(monkeypatch):
    from exprun.doctor.causes import unscaled_evaluation

    looks, look = [], unscaled_evaluation.check
    monkeypatch.setattr(unscaled_evaluation, "check", lambda context: looks.append(1) or look(context))
    session, words = Session(), [*TINY, *SMALL, "doctor=watch", "trainer.max_steps=1", "fault=unscaled_eval"]
    for more in (["seed=0"], ["seed=1"]):
        result = run([*words, *more], session)
        assert "unscaled-evaluation" in (result.run_dir / "findings.json").read_text()
    assert len(looks) == 1
    for more in (["fault=none"], ["fault=shuffled_labels"], ["doctor.leak=0.5"], ["data.limit=300"]):
        run([*words, *more], session)
    assert len(looks) == 5


@pytest.mark.slow
def test_the_doctor_looks_once_at_how_networks_compute_that_share_a_step(monkeypatch):
    from exprun.doctor.causes import mixed_examples

    looks, look = [], mixed_examples.check
    monkeypatch.setattr(mixed_examples, "check", lambda context: looks.append(1) or look(context))
    session, words = Session(), [*TINY, *SMALL, "doctor=watch", "trainer.max_steps=1"]
    for more, count in ((["seed=0"], 1), (["seed=1", "optim.learning_rate=0.5"], 1), (["norm=layer"], 2), ([], 3)):
        run([*words, *more], session)
        assert len(looks) == count


@pytest.mark.slow
def test_a_step_that_was_looked_at_is_let_go_of():
    session = Session()
    run([*TINY, *SMALL, "doctor=watch", "trainer.max_steps=1"], session)
    gone = weakref.ref(next(iter(session.steps.values())))
    session.evict_other_steps(None)
    assert gone() is None


def test_a_set_that_was_looked_at_is_let_go_of_before_the_next_is_loaded(monkeypatch):
    session = Session()
    first = session.dataset(config())
    run_doctor._once(first, "", list)
    gone = weakref.ref(first)
    del first
    monkeypatch.setattr("exprun.session.load", lambda _: gone())
    assert session.dataset(config("data.limit=300")) is None
