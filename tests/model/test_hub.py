"""Backbones of KerasHub: filled from a preset, scaled as it says, and frozen."""

import importlib.util
import json

import numpy as np
import pytest

from exprun import cli
from exprun.config.errors import ConfigError, RunError
from exprun.config.hub import check_preset
from exprun.config.images import Input
from exprun.data import Split
from exprun.input import fit
from exprun.predict import predict
from exprun.records import find_run
from tiny import checkpoint, config, tiny

SHAPE = (16, 16, 3)
needs_hub = pytest.mark.skipif(
    importlib.util.find_spec("keras_hub") is None, reason="keras-hub is not installed: pip install 'exprun[hub]'"
)


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    """The folder of a tiny vision transformer with random weights, for pixels from -1 to 1."""
    import keras
    import keras_hub

    keras.mixed_precision.set_dtype_policy("float32")
    folder = tmp_path_factory.mktemp("preset")
    backbone = keras_hub.models.ViTBackbone(
        image_shape=SHAPE, patch_size=8, num_layers=1, num_heads=2, hidden_dim=8, mlp_dim=16
    )
    backbone.save_to_preset(str(folder))
    keras_hub.layers.ViTImageConverter(image_size=SHAPE[:2], scale=1 / 127.5, offset=-1).save_to_preset(str(folder))
    return folder


def words(preset, *more):
    return ["model=hub", "model.layers=null", f"model.preset={preset}", "data.size=16", "data.channels=3", *more]


@needs_hub
def test_the_network_is_the_backbone_of_the_preset_with_a_head(preset):
    import keras
    import keras_hub

    from exprun.model import build

    built = build(config(*words(preset, "model.hidden=[6]", "model.freeze=backbone")), SHAPE, 5)
    assert built.loaded == ["vit_patching_and_embedding", "vit_encoder"]
    assert [layer.name for layer in built.model.layers if layer.trainable_variables] == ["hidden1", "classifier"]
    x = np.random.default_rng(0).normal(size=(2, *SHAPE)).astype(np.float32)
    features = keras.Model(built.model.inputs, built.model.get_layer("global_pool").output)([x])
    wanted = keras_hub.models.Backbone.from_preset(str(preset))(x).numpy().mean(axis=1)
    np.testing.assert_allclose(features, wanted, atol=1e-5)
    rows = np.arange(1)
    scaling = fit(Input(name="preset"), Split(np.zeros((1, *SHAPE), np.uint8), rows, rows), str(preset))
    assert (scaling.scale == np.float32(1 / 127.5)).all()
    assert scaling.offset.tolist() == [-1, -1, -1]
    other = build(config(*words(preset, "model.weights=none")), SHAPE, 5)
    assert other.loaded == []
    with pytest.raises(RunError, match=r"cannot be loaded for images of 24×24×3: .*set data.size"):
        build(config(*words(preset)), (24, 24, 3), 5)


@needs_hub
@pytest.mark.slow
def test_a_run_takes_the_scaling_of_the_preset_and_predicts_alone(preset, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    result = tiny(*words(preset, "run_dir=outputs/runs/it", "model.freeze=backbone", "trainer.epochs=1"))
    scaling = json.loads((result.run_dir / "network.json").read_text())["scaling"]
    assert scaling["scale"] == pytest.approx([1 / 127.5] * 3)
    assert scaling["offset"] == [-1, -1, -1]
    with np.load(result.run_dir / "checkpoints" / "last.npz") as file:
        assert any("vit_encoder" in name for name in file.files)
    assert all(np.isfinite(array).all() for array in checkpoint(result).values())

    from PIL import Image

    Image.new("RGB", SHAPE[:2], "red").save("red.png")
    assert len(list(predict(find_run("it"), ["red.png"], 1))) == 1
    assert cli.main(["export", "it", "--to", "savedmodel"]) == 0
    assert cli.main(["export", "it"]) == 1
    assert "Keras cannot load the file that it saved: " in capsys.readouterr().err


def test_mistakes_are_errors_before_tensorflow_is_imported(composer, tmp_path, monkeypatch):
    def refused(*overrides):
        with pytest.raises(ConfigError) as caught:
            composer.config(list(overrides))
        return str(caught.value)

    assert "model=hub needs model.preset=…" in refused("model=hub")
    assert "model.preset=x does not use norm" in refused("model=hub", "model.preset=x", "norm=group")
    assert "model.weights=preset belongs to model=hub" in refused("model.weights=preset")
    assert "input=preset belongs to model=hub" in refused("input=preset")
    assert "model=cnn does not use model.pooling" in refused("model.pooling=avg")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"not installed: pip install 'exprun\[hub\]'"):
        check_preset("resnet_50_imagenet")
    found = importlib.util.spec_from_file_location("keras_hub", __file__)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found)
    check_preset("resnet_50_imagenet")
    check_preset("kaggle://keras/resnetv1/keras/resnet_50")
    with pytest.raises(ConfigError, match=r"is a folder without config\.json"):
        check_preset(str(tmp_path))
    with pytest.raises(ConfigError, match="is neither a folder nor a name"):
        check_preset("presets/ViT")
