"""
SOURCE: rstudio/keras3#1215 ("Issue using custom generator at validation time (fit_generator)"),
https://github.com/rstudio/keras3/issues/1215; the reporter mgendarme's own solution (2021-05-03) seen, the question
itself only in part.
SAW: a segmentation net with an encoder pretrained on ImageNet, own generators; the training values are good, but at
validation time loss and metrics are very bad, even when the validation generator gives the training pictures.
CAUSE: the pictures are only brought to 0..1, while the pretrained encoder was trained on pictures treated with
imagenet_preprocess_input (0..255 without the mean), so the stored statistics of its BatchNormalization layers, used
at validation, do not belong to such pictures.
FIX: imagenet_preprocess_input on the pictures, in both generators.
(No download here: a small encoder is first trained on a task of its own with pictures treated like that.)
"""
import sys
import numpy as np
import keras
from keras import layers
from keras.applications.imagenet_utils import preprocess_input as imagenet_preprocess_input

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(5)
S = 40


def photo(rng, kind=None):
    """An aerial picture 0..255 with patches of trees (mask), or one full of a single texture for the encoder's task."""
    yy, xx = np.mgrid[0:S, 0:S]
    img = np.ones((S, S, 3)) * rng.uniform(90, 170, 3)
    mask = np.zeros((S, S), bool)
    if kind is None:
        for _ in range(rng.integers(1, 4)):
            cx, cy, a, b = rng.uniform(6, S - 6), rng.uniform(6, S - 6), rng.uniform(5, 13), rng.uniform(5, 13)
            mask |= ((xx - cx) / a) ** 2 + ((yy - cy) / b) ** 2 < 1
        spots = 40 * np.sin(xx * rng.uniform(1.2, 1.8)) * np.sin(yy * rng.uniform(1.2, 1.8))
        img[mask] += spots[mask][:, None] + np.array([-25, 10, -30])
    elif kind == 0:
        img += (40 * np.sin(xx * rng.uniform(1.0, 2.0)) * np.sin(yy * rng.uniform(1.0, 2.0)))[..., None]
    elif kind == 1:
        img += (40 * np.sin(xx * rng.uniform(0.3, 1.5)))[..., None]
    elif kind == 2:
        img += (40 * np.sin(yy * rng.uniform(0.3, 1.5)))[..., None]
    else:
        cx, cy, r = rng.uniform(10, S - 10), rng.uniform(10, S - 10), rng.uniform(6, 12)
        img[(xx - cx) ** 2 + (yy - cy) ** 2 < r * r] += rng.uniform(-80, 80, 3)
    img += rng.normal(0, 12, img.shape)
    return np.clip(img, 0, 255).astype(np.uint8), mask.astype("float32")[..., None]


def encoder():
    x = inp = layers.Input((S, S, 3))
    for i, f in enumerate((12, 24, 32)):
        for j in range(2):
            x = layers.Conv2D(f, 3, padding="same", use_bias=False)(x)
            x = layers.BatchNormalization()(x)
            x = layers.Activation("relu", name=f"block{i + 1}_{j + 1}")(x)
        if i < 2:
            x = layers.MaxPooling2D()(x)
    return keras.Model(inp, x, name="encoder")


def pretrained_encoder():
    rng = np.random.default_rng(0)
    kinds = np.tile(np.arange(4), 100)
    x = np.array([photo(rng, k)[0] for k in kinds])
    enc = encoder()
    top = keras.Sequential([enc, layers.GlobalAveragePooling2D(), layers.Dense(4, activation="softmax")])
    top.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    top.fit(imagenet_preprocess_input(x.astype("float32")), kinds, batch_size=20, epochs=5, verbose=0)
    return enc


class PhotoSequence(keras.utils.PyDataset):
    def __init__(self, n, seed, batch_size=8):
        super().__init__()
        rng = np.random.default_rng(seed)
        self.data = [photo(rng) for _ in range(n)]
        self.batch_size = batch_size

    def __len__(self):
        return len(self.data) // self.batch_size

    def __getitem__(self, k):
        part = self.data[k * self.batch_size:(k + 1) * self.batch_size]
        x = np.array([a for a, _ in part]).astype("float32")
        x = imagenet_preprocess_input(x) if GOOD else x / 255.0
        return x, np.array([m for _, m in part])


def unet_on(enc):
    up = lambda x, skip, f: layers.Conv2D(f, 3, padding="same", activation="relu")(
        layers.Concatenate()([layers.UpSampling2D()(x), skip]))
    x = enc.output
    x = up(x, enc.get_layer("block2_2").output, 24)
    x = up(x, enc.get_layer("block1_2").output, 16)
    return keras.Model(enc.input, layers.Conv2D(1, 1, activation="sigmoid")(x))


train_generator, val_generator = PhotoSequence(200, 1), PhotoSequence(48, 2)
model = unet_on(pretrained_encoder())
model.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy",
              metrics=[keras.metrics.BinaryIoU([1], name="iou")])
h = model.fit(train_generator, validation_data=val_generator, epochs=3, verbose=2)
print(f"RESULT {sys.argv[1]} train={h.history['iou'][-1]:.3f} val={h.history['val_iou'][-1]:.3f} (IoU of the trees; train as reported by fit)")
