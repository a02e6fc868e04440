"""Networks of keras.applications in the config: names, sizes, scaling, and the files of Keras' weights."""

import urllib.error
import urllib.request
from collections import Counter

import pytest

from exprun.config.applications import APPLICATIONS, pretrained
from exprun.config.compose import Composer
from exprun.config.errors import ConfigError
from exprun.config.network_size import network_size
from exprun.config.weights import check_pretrained, initial_weights

RESNET = ["model=application", "model.application=ResNet50"]


@pytest.fixture(scope="module")
def composer():
    return Composer()


def refused(composer, overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        composer.config(overrides.split())
    return str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        ("model=application", "model=application needs model.application=…"),
        ("model=application model.application=ResNet5", "did you mean ResNet50"),
        ("model=application model.application=Xception data.size=70", "at least 71×71 pixels, not of 70×70 pixels"),
        (
            "model=application model.application=Xception data.size=70 data.channels=1",
            "not of 70×70 pixels and one channel: set data.size=71 data.channels=3.",
        ),
        (
            "model=application model.application=VGG16 data.size=48 input.crop=24 data.channels=3",
            "set input.crop=32.",
        ),
        ("model=application model.application=VGG16 norm=none", "VGG16 does not use norm"),
        ("model=application model.application=VGG16 model.activation=elu", "VGG16 does not use model.activation"),
        ("model=application model.application=VGG16 init.conv.name=dirac", "VGG16 does not use init.conv.name"),
        ("model=application model.application=VGG16 model.freeze=stage6", "write stage1-5"),
        ("model=application model.application=ConvNeXtTiny model.freeze=stage2-5", "write stage1-4"),
        ("model=application model.application=VGG16 model.hidden=[0]", "model.hidden[0] is 0"),
        ("model=application model.application=VGG16 model.builder=a:b", "exclude each other"),
        ("model=cnn model.hidden=[8]", "model=cnn does not use model.hidden; it belongs to model=application"),
        ("model=cnn model.pooling=max", "model=cnn does not use model.pooling"),
        ("model=vgg16 model.weights=imagenet data.size=32", "choose model=application model.application=VGG16"),
        ("input=imagenet data.channels=1", "input=imagenet needs images of three channels"),
    ],
)
def test_what_does_not_fit_is_refused(composer, overrides, sentence):
    assert sentence in refused(composer, overrides)


@pytest.mark.parametrize(
    ("overrides", "scaling"),
    [
        ([], "standardize"),
        (["model=vgg16", "data.size=32"], "standardize"),
        (RESNET, "caffe"),
        ([*RESNET, "input=unit"], "unit"),
        ([*RESNET, "input=auto"], "caffe"),
        (["model=application", "model.application=DenseNet121"], "imagenet"),
        (["model=application", "model.application=MobileNetV2"], "symmetric"),
        (["model=application", "model.application=EfficientNetV2B0"], "raw"),
    ],
)
def test_the_scaling_follows_from_the_network(composer, overrides, scaling):
    assert composer.config(overrides).input.name == scaling


def test_none_is_no_weights(composer):
    assert composer.config([*RESNET, "model.weights=none"]).model.weights is None


def test_each_network_is_there_with_its_scaling():
    assert len(APPLICATIONS) == 40
    assert Counter(facts.scaling for facts in APPLICATIONS.values()) == {
        "raw": 22,
        "symmetric": 10,
        "caffe": 5,
        "imagenet": 3,
    }


@pytest.mark.parametrize(
    ("name", "size", "end"),
    [
        ("MobileNetV2", (96, 96), "_1.0_96_no_top.h5"),
        ("MobileNetV2", (100, 100), "_1.0_224_no_top.h5"),
        ("MobileNetV2", (96, 128), "_1.0_224_no_top.h5"),
        ("NASNetMobile", (32, 32), "nasnet_mobile_no_top.h5"),
        ("ResNet50", (32, 32), "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"),
    ],
)
def test_the_file_of_the_weights(composer, name, size, end):
    model = composer.config(["model=application", f"model.application={name}"]).model
    assert pretrained(model, size).name.endswith(end)


def test_missing_weights_are_reported_with_address_checksum_and_place(composer, tmp_path, monkeypatch):
    def unreachable(*_, **__):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    model = composer.config([*RESNET, "model.weights=imagenet"]).model
    with pytest.raises(ConfigError) as caught:
        check_pretrained(model, (64, 64))
    file = pretrained(model, (64, 64))
    assert all(part in str(caught.value) for part in (str(tmp_path / "models"), file.address, f"MD5 {file.checksum}"))
    assert initial_weights(model, (64, 64)) is None
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / file.name).touch()
    check_pretrained(model, (64, 64))
    assert initial_weights(model, (64, 64)) == tmp_path / "models" / file.name


def test_the_size_of_a_network_includes_its_head(composer):
    config = composer.config([*RESNET, "model.hidden=[100]"])
    size = network_size(config.model, config.norm, (224, 224, 3), 5)
    assert size.weights == {"ResNet50": 23_587_712, "hidden1": 2049 * 100, "classifier": 101 * 5}
    flat = network_size(composer.config([*RESNET, "model.pooling=flatten"]).model, config.norm, (64, 96, 3), 5)
    assert flat.weights["classifier"] == (2 * 3 * 2048 + 1) * 5
