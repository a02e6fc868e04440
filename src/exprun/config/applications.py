"""Facts on the networks of keras.applications, which are needed before TensorFlow is imported."""

from dataclasses import dataclass, replace
from typing import Literal

from exprun.config.network import Model
from exprun.config.schema import Config

IMAGENET = "imagenet"  # the value of `model.weights` for Keras' own weights
MEASURED = 224  # height and width in pixels of the images for which `Application.outputs` is counted
REDUCTION = 32  # the factor by which height and width of the image are reduced before the head
SERVER = "https://storage.googleapis.com/"
# Image sizes for which Keras has weights of their own; it uses those for 224 pixels for all other sizes.
SIZES = {"MobileNet": (128, 160, 192, 224), "MobileNetV2": (96, 128, 160, 192, 224)}


@dataclass(frozen=True)
class Application:
    """A network of keras.applications, as Keras 3.15 builds it for images of three channels.

    Args:
        scaling: the option of the group `input` that does what the network's `preprocess_input` does.
        weights: the number of weights before the head.
        features: the number of channels of the last feature map.
        outputs: the number of values that all layers before the head return for one image of 224×224 pixels.
        path: the path of Keras' ImageNet weights without head on their server.
        checksum: the MD5 or SHA-256 of this file in hex; None if Keras does not know it.
        file: the name of the file in Keras' cache; if empty, its name on the server.
        smallest: the smallest height and width of an image.
        stages: the number of stages.
    """

    scaling: Literal["raw", "symmetric", "caffe", "imagenet"]
    weights: int
    features: int
    outputs: int
    path: str
    checksum: str | None
    file: str = ""
    smallest: int = 32
    stages: int = 5


@dataclass(frozen=True)
class PretrainedFile:
    """A file of Keras' ImageNet weights.

    Args:
        name: its name in Keras' cache.
        address: its address.
        checksum: its MD5 or SHA-256 in hex; None if Keras does not know it.
    """

    name: str
    address: str
    checksum: str | None


# Counted with Keras 3.15; addresses and checksums are those in its modules.
APPLICATIONS = {
    "VGG16": Application(
        "caffe",
        14_714_688,
        512,
        15_078_400,
        "tensorflow/keras-applications/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "6d6bbae143d832006294945121d1f1fc",
    ),
    "VGG19": Application(
        "caffe",
        20_024_384,
        512,
        16_382_976,
        "tensorflow/keras-applications/vgg19/vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "253f8cb515780f3b799900260a226db6",
    ),
    "ResNet50": Application(
        "caffe",
        23_587_712,
        2048,
        36_968_684,
        "tensorflow/keras-applications/resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "4d473c1dd8becc155b73f8504c6f6626",
    ),
    "ResNet101": Application(
        "caffe",
        42_658_176,
        2048,
        55_734_508,
        "tensorflow/keras-applications/resnet/resnet101_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "88cf7a10940856eca736dc7b7e228a21",
    ),
    "ResNet152": Application(
        "caffe",
        58_370_944,
        2048,
        78_915_820,
        "tensorflow/keras-applications/resnet/resnet152_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "ee4c566cf9a93f14d82f913c2dc6dd0c",
    ),
    "ResNet50V2": Application(
        "symmetric",
        23_564_800,
        2048,
        31_229_676,
        "tensorflow/keras-applications/resnet/resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "fac2f116257151a9d068a22e544a4917",
    ),
    "ResNet101V2": Application(
        "symmetric",
        42_626_560,
        2048,
        51_109_612,
        "tensorflow/keras-applications/resnet/resnet101v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "c0ed64b8031c3730f411d2eb4eea35b5",
    ),
    "ResNet152V2": Application(
        "symmetric",
        58_331_648,
        2048,
        75_603_692,
        "tensorflow/keras-applications/resnet/resnet152v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "ed17cf2e0169df9d443503ef94b23b33",
    ),
    "InceptionV3": Application(
        "symmetric",
        21_802_784,
        2048,
        16_584_080,
        "tensorflow/keras-applications/inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "bcbd6486424b2319ff4ef7d526e38f63",
        smallest=75,
    ),
    "InceptionResNetV2": Application(
        "symmetric",
        54_336_736,
        1536,
        40_579_888,
        "tensorflow/keras-applications/inception_resnet_v2/inception_resnet_v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "d19885ff4a710c122648d3b5c3b684e4",
        smallest=75,
    ),
    "Xception": Application(
        "symmetric",
        20_861_480,
        2048,
        34_420_640,
        "tensorflow/keras-applications/xception/xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "b0042744bf5b25fce3cb969f33bebb97",
        smallest=71,
    ),
    "DenseNet121": Application(
        "imagenet",
        7_037_504,
        1024,
        49_775_084,
        "tensorflow/keras-applications/densenet/densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "30ee3e1110167f948a6b9946edeeb738",
    ),
    "DenseNet169": Application(
        "imagenet",
        12_642_880,
        1664,
        59_942_636,
        "tensorflow/keras-applications/densenet/densenet169_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "b8c4d4c20dd625c148057b9ff1c1176b",
    ),
    "DenseNet201": Application(
        "imagenet",
        18_321_984,
        1920,
        77_140_716,
        "tensorflow/keras-applications/densenet/densenet201_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "c13680b51ded0fb44dff2d8f86ac8bb1",
    ),
    "MobileNetV3Small": Application(
        "raw",
        939_120,
        576,
        5_205_632,
        "tensorflow/keras-applications/mobilenet_v3/weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5",
        "d3e8ec802a04aa4fc771ee12a9a9b836",
    ),
    "MobileNetV2": Application(
        "symmetric",
        2_257_984,
        1280,
        21_664_432,
        "tensorflow/keras-applications/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_{size}_no_top.h5",
        None,
    ),
    "MobileNetV3Large": Application(
        "raw",
        2_996_352,
        960,
        15_274_336,
        "tensorflow/keras-applications/mobilenet_v3/weights_mobilenet_v3_large_224_1.0_float_no_top_v2.h5",
        "07fb09a5933dd0c8eaafa16978110389",
    ),
    "MobileNet": Application(
        "symmetric",
        3_228_864,
        1024,
        16_692_672,
        "tensorflow/keras-applications/mobilenet/mobilenet_1_0_{size}_tf_no_top.h5",
        None,
    ),
    "NASNetMobile": Application(
        "symmetric",
        4_269_716,
        1056,
        27_539_177,
        "tensorflow/keras-applications/nasnet/NASNet-mobile-no-top.h5",
        "1ed92395b5b598bdda52abe5c0dbfd63",
        file="nasnet_mobile_no_top.h5",
    ),
    "NASNetLarge": Application(
        "symmetric",
        84_916_818,
        4032,
        128_672_718,
        "tensorflow/keras-applications/nasnet/NASNet-large-no-top.h5",
        "d81d89dc07e6e56530c4e77faddd61b5",
        file="nasnet_large_no_top.h5",
    ),
    "EfficientNetB0": Application(
        "raw",
        4_049_571,
        1280,
        24_745_215,
        "keras-applications/efficientnetb0_notop.h5",
        "50bc09e76180e00e4465e1a485ddc09d",
    ),
    "EfficientNetB1": Application(
        "raw",
        6_575_239,
        1280,
        33_780_067,
        "keras-applications/efficientnetb1_notop.h5",
        "74c4e6b3e1f6a1eea24c589628592432",
    ),
    "EfficientNetB2": Application(
        "raw",
        7_768_569,
        1408,
        35_365_685,
        "keras-applications/efficientnetb2_notop.h5",
        "111f8e2ac8aa800a7a99e3239f7bfb39",
    ),
    "EfficientNetB3": Application(
        "raw",
        10_783_535,
        1536,
        46_806_299,
        "keras-applications/efficientnetb3_notop.h5",
        "af6d107764bb5b1abb91932881670226",
    ),
    "EfficientNetB4": Application(
        "raw",
        17_673_823,
        1792,
        60_809_947,
        "keras-applications/efficientnetb4_notop.h5",
        "ebc24e6d6c33eaebbd558eafbeedf1ba",
    ),
    "EfficientNetB5": Application(
        "raw",
        28_513_527,
        2048,
        82_985_795,
        "keras-applications/efficientnetb5_notop.h5",
        "38879255a25d3c92d5e44e04ae6cec6f",
    ),
    "EfficientNetB6": Application(
        "raw",
        40_960_143,
        2304,
        105_944_739,
        "keras-applications/efficientnetb6_notop.h5",
        "9ecce42647a20130c1f39a5d4cb75743",
    ),
    "EfficientNetB7": Application(
        "raw",
        64_097_687,
        2560,
        141_116_947,
        "keras-applications/efficientnetb7_notop.h5",
        "cbcfe4450ddf6f3ad90b1b398090fe4a",
    ),
    "EfficientNetV2B0": Application(
        "raw",
        5_919_312,
        1280,
        15_673_264,
        "tensorflow/keras-applications/efficientnet_v2/efficientnetv2-b0_notop.h5",
        "893217f2bb855e2983157299931e43ff",
    ),
    "EfficientNetV2B1": Application(
        "raw",
        6_931_124,
        1280,
        20_544_852,
        "tensorflow/keras-applications/efficientnet_v2/efficientnetv2-b1_notop.h5",
        "0e80663031ca32d657f9caa404b6ec37",
    ),
    "EfficientNetV2B2": Application(
        "raw",
        8_769_374,
        1408,
        22_220_750,
        "tensorflow/keras-applications/efficientnet_v2/efficientnetv2-b2_notop.h5",
        "1dfe2e7a5d45b6632553a8961ea609eb",
    ),
    "EfficientNetV2B3": Application(
        "raw",
        12_930_622,
        1536,
        27_814_958,
        "tensorflow/keras-applications/efficientnet_v2/efficientnetv2-b3_notop.h5",
        "f6abf7b5849ac99a89b50dd3fd532856",
    ),
    "EfficientNetV2S": Application(
        "raw",
        20_331_360,
        1280,
        40_336_440,
        "tensorflow/keras-applications/efficientnet_v2/efficientnetv2-s_notop.h5",
        "af0682fb74e8c54910f2d4393339c070",
    ),
    "EfficientNetV2M": Application(
        "raw",
        53_150_388,
        1280,
        65_475_036,
        "tensorflow/keras-applications/efficientnet_v2/efficientnetv2-m_notop.h5",
        "1b8dc055df72dde80d614482840fe342",
    ),
    "EfficientNetV2L": Application(
        "raw",
        117_746_848,
        1280,
        115_138_496,
        "tensorflow/keras-applications/efficientnet_v2/efficientnetv2-l_notop.h5",
        "b0b66b5c863aef5b46e8608fe1711615",
    ),
    "ConvNeXtTiny": Application(
        "raw",
        27_820_128,
        768,
        29_994_240,
        "tensorflow/keras-applications/convnext/convnext_tiny_notop.h5",
        "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
        stages=4,
    ),
    "ConvNeXtSmall": Application(
        "raw",
        49_454_688,
        768,
        47_606_016,
        "tensorflow/keras-applications/convnext/convnext_small_notop.h5",
        "6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab",
        stages=4,
    ),
    "ConvNeXtBase": Application(
        "raw",
        87_566_464,
        1024,
        63_424_512,
        "tensorflow/keras-applications/convnext/convnext_base_notop.h5",
        "40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45",
        stages=4,
    ),
    "ConvNeXtLarge": Application(
        "raw",
        196_230_336,
        1536,
        95_061_504,
        "tensorflow/keras-applications/convnext/convnext_large_notop.h5",
        "96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd",
        stages=4,
    ),
    "ConvNeXtXLarge": Application(
        "raw",
        348_147_968,
        2048,
        126_698_496,
        "tensorflow/keras-applications/convnext/convnext_xlarge_notop.h5",
        "de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05",
        stages=4,
    ),
}


def pretrained(model: Model, size: tuple[int, int]) -> PretrainedFile:
    """The file with Keras' ImageNet weights of a network, without its head.

    Args:
        model: the group `model` of the config, with `application`.
        size: the height and width of the network's input.
    """
    name = str(model.application)
    facts = APPLICATIONS[name]
    side = size[0] if size[0] == size[1] and size[0] in SIZES.get(name, ()) else MEASURED
    path = facts.path.format(size=side)
    return PretrainedFile(facts.file or path.rpartition("/")[2], SERVER + path, facts.checksum)


def resolved(config: Config) -> Config:
    """The config with the scaling that `input=auto` stands for, and without `model.weights=none`, which is null."""
    model = config.model
    if model.weights == "none":
        config = replace(config, model=replace(model, weights=None))
    if config.input.name != "auto":
        return config
    facts = APPLICATIONS.get(model.application or "")
    of_others: Literal["preset", "standardize"] = "standardize" if model.preset is None else "preset"
    return replace(config, input=replace(config.input, name=facts.scaling if facts else of_others))
