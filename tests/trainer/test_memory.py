"""How much memory there is, and batches that do not fit it."""

import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from exprun.config.errors import ConfigError, RunError
from exprun.trainer import memory
from exprun.trainer.step import Step
from tiny import config, tiny

GB = 2**30


def system(root, cgroup, limits):
    """A file system as Linux shows it."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(cgroup)
    (root / "proc/self/statm").write_text("5000 1000 900 1 0 500 0")
    (root / "proc/meminfo").write_text("MemTotal: 9999999999 kB\nMemAvailable: 8000000 kB\n")
    for path, text in limits.items():
        (root / "sys/fs/cgroup" / path).parent.mkdir(parents=True, exist_ok=True)
        (root / "sys/fs/cgroup" / path).write_text(text)
    return root


@pytest.mark.parametrize(
    ("cgroup", "limits"),
    [
        ("0::/a/b\n", {"a/b/memory.max": "max", "a/memory.max": f"{2 * GB}"}),
        ("0::/hidden/on/the/host\n", {"memory.max": f"{2 * GB}"}),
        ("4:memory:/a\n2:cpu:/a\n0::/\n", {"memory/a/memory.limit_in_bytes": f"{2 * GB}", "cpu/memory.max": "1"}),
    ],
)
def test_a_container_has_what_its_control_group_allows(tmp_path, cgroup, limits):
    root = system(tmp_path, cgroup, limits)
    assert memory.total(root) == 2 * GB
    assert 0 < 2 * GB - memory.available(root) <= 100 * os.sysconf("SC_PAGE_SIZE")


def test_without_a_limit_it_is_what_the_machine_has_left(tmp_path):
    root = system(tmp_path, "0::/\n", {"memory.max": "max"})
    assert memory.available(root) == 1024 * 8_000_000
    assert memory.total(tmp_path / "nothing") == memory.total()
    assert memory.available(tmp_path / "nothing") is None


def test_a_batch_that_cannot_fit_is_refused_with_the_size_that_does(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 4_000_000)
    wrong = r"A batch of 64 images of 64×64 pixels takes .*; trainer.batch_size=(\d+) or trainer.accumulate=\d+ fits"
    with pytest.raises(ConfigError, match=wrong) as error:
        tiny("run_dir=out", "data.size=64", "trainer.batch_size=64")
    assert not Path("out").exists()
    size = int(re.search(wrong, str(error.value))[1])
    assert 1 <= size < 64
    tiny(
        "run_dir=again",
        "data.size=64",
        f"trainer.batch_size={size}",
        "trainer.eval_batch_size=4",
        "trainer.max_steps=2",
    )


def refused(settings, left, size=(3000, 4000), batch=None):
    with pytest.raises(ConfigError) as error:
        memory.check_network(settings, size, 3, 2, left, batch)
    return str(error.value)


def test_a_network_that_cannot_fit_is_refused_with_the_image_size_that_does():
    settings = config("optim=sgd", "model.layers=[{conv: 8}, {pool: max}, flatten, {dense: 32}]", "norm=none")
    sentence = refused(settings, 4 * GB)  # 1500 · 2000 · 8 · 32 weights of 4 bytes, and as many gradients
    assert sentence.startswith(
        "model=cnn for images of 3000×4000 pixels, with 768 million weights in dense1, takes at "
    )
    assert sentence.endswith("least 5.7 GB, but only 4.0 GB of memory are left; data.size=224 fits.")
    assert "at least 11.4 GB" in refused(replace(settings, optim=config("optim=adam").optim), 4 * GB)
    assert "would fit: choose a smaller network" in refused(settings, 10_000)
    memory.check_network(settings, (3000, 4000), 3, 2, 20 * GB, batch=1)
    memory.check_network(settings, (3000, 4000), 3, 2, None)
    frozen = replace(settings, model=replace(settings.model, freeze=["dense*"]))
    memory.check_network(frozen, (3000, 4000), 3, 2, 4 * GB, batch=1)


def test_a_part_of_a_batch_has_to_fit():
    settings = config("model.layers=[{conv: 8}, {global_pool: avg}]", "trainer.batch_size=64", "trainer.accumulate=8")
    memory.check_network(settings, (3000, 4000), 3, 2, 8 * GB)
    assert refused(settings, 4 * GB).endswith("; trainer.batch_size=16, trainer.accumulate=32 or data.size=224 fits.")


def test_a_batch_of_large_images_is_refused_with_what_fits():
    settings = config("model.layers=[{conv: 8}, {global_pool: avg}]", "trainer.batch_size=64")
    assert refused(settings, 4 * GB).endswith("; trainer.batch_size=2, trainer.accumulate=32 or data.size=224 fits.")
    assert refused(settings, 4 * GB, batch=64).endswith("; data.size=224 fits.")  # whoever looks for a batch size
    cropped = replace(settings, input=replace(settings.input, crop=1000))
    assert refused(cropped, GB).endswith("; trainer.batch_size=4, trainer.accumulate=16 or input.crop=224 fits.")
    assert "A batch of 1 image of 3000×4000 pixels" in refused(settings, GB // 4, batch=1)


def test_weights_of_a_builder_are_refused_before_they_are_allocated():
    import keras

    from exprun.model.build import _limited

    add = keras.layers.Layer.add_weight
    wrong = (
        r"model.builder=mine:net for images of 8×8 pixels, with 4,000,000 million weights in huge, takes at least 14"
    )
    with pytest.raises(RunError, match=wrong), _limited("mine:net", (8, 8, 3), 4 * GB):
        keras.Sequential([keras.Input((2_000_000,)), keras.layers.Dense(2_000_000, name="huge")])
    assert keras.layers.Layer.add_weight is add


def test_a_gpu_may_be_there_if_the_machine_has_its_device(tmp_path):
    (tmp_path / "dev").mkdir()
    assert not memory.may_have_gpu(tmp_path)
    (tmp_path / "dev" / "nvidia0").touch()
    assert memory.may_have_gpu(tmp_path)


def small():
    import keras

    return keras.Sequential([keras.Input((10,)), keras.layers.Dense(25)])


def test_where_no_image_fits_smaller_images_are_advised():
    with pytest.raises(RunError, match=r"A batch of 2 images takes .*; a smaller data.size makes the images smaller."):
        memory.check_batch(small(), "float32", 2, 99)


def test_an_evaluation_batch_that_cannot_fit_is_refused_with_the_size_that_does():
    model = small()  # its layer takes 10 values and returns 25
    memory.check_evaluation(model, "float32", 256, 256 * 35 * 4)
    wrong = "An evaluation batch of 256 images takes at least .*; trainer.eval_batch_size="
    with pytest.raises(RunError, match=f"{wrong}64 fits"):
        memory.check_evaluation(model, "float32", 256, 256 * 35 * 4 - 1)
    with pytest.raises(RunError, match="a smaller data"):
        memory.check_evaluation(model, "float32", 256, 100)
    memory.check_evaluation(model, "float32", 256, None)


def test_a_run_whose_evaluation_cannot_fit_is_refused_before_it_trains(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 12_000_000)
    with pytest.raises(RunError, match=r"An evaluation batch of 40 images .*; trainer.eval_batch_size=\d+ fits"):
        tiny("run_dir=out", "data.size=96", "trainer.batch_size=1", "norm=none")
    assert not Path("out/checkpoints").exists()


def test_a_pass_has_as_many_images_as_fit():
    model = small()
    one = memory.needed(model, "float32")
    assert [memory.passed(model, "float32", 32, left) for left in (None, 128 * one, 80 * one, 2 * one)] == [
        32,
        32,
        20,
        2,
    ]
    with pytest.raises(RunError, match=r"To pass 2 images through the network takes at least .*; a smaller data.size"):
        memory.passed(model, "float32", 32, 2 * one - 1)


@pytest.mark.slow
def test_a_device_without_room_says_which_batch_has_it(monkeypatch):
    import tensorflow as tf

    train, tried = Step.train, []

    def small(self, images, labels, indices, *more):
        tried.append(indices.shape[1])
        if indices.shape[1] > 10:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
        return train(self, images, labels, indices, *more)

    monkeypatch.setattr(Step, "train", small)
    with pytest.raises(RunError, match=r"A batch of 32 images does not fit into memory; trainer.batch_size=8 does"):
        tiny("run_dir=out")
    assert tried == [32, 16, 8]


def test_no_batch_fits(monkeypatch):
    import tensorflow as tf

    def full(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(Step, "train", full)
    with pytest.raises(RunError, match="and neither does one of 1"):
        tiny("run_dir=out")


def test_what_the_layers_give_is_counted():
    import keras
    from keras import layers

    model = keras.Sequential(
        [layers.Input((8, 8, 3)), layers.Conv2D(4, 3, padding="same"), layers.Flatten(), layers.Dense(10)]
    )
    assert memory.needed(model, "float32") == 4 * (8 * 8 * 4 + 10)
    assert memory.needed(model, "mixed_bfloat16") == 2 * (8 * 8 * 4 + 10)
    assert np.isfinite(memory.available())
