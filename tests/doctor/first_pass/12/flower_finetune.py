"""
SOURCE: tensorflow/models issue #9054 ("Pre-trained model for Efficient net B0
implementation"), https://github.com/tensorflow/models/issues/9054 (peri044,
2020-08-07, found it himself)

SEEN: a pretrained EfficientNet-B0 is loaded and used with the usual input
pipeline; the loss is high and the accuracy low, from the first step on.
(No download here: a small net is first trained on drawn flowers of ten kinds by
"somebody else" and stored whole; then it is loaded, frozen but for its last layer,
and tuned a little on pictures of one's own of the same kinds.)

CAUSE: the stored model multiplies its input by 255, takes the mean away and
divides by the standard deviation itself; the pipeline had standardised the
pictures already (mean_subtract, standardize).
FIX: leave mean_subtract and standardize out and divide the pictures by 255.
"""
import os
import sys
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(12)
SIZE, CLASSES = 32, 10
MEAN_RGB, STDDEV_RGB = [123.7, 116.3, 103.5], [58.4, 57.1, 57.4]
yy, xx = np.mgrid[0:SIZE, 0:SIZE]


def flower(k, rng):
    img = np.zeros((SIZE, SIZE, 3)) + np.array([60, 120, 50]) * rng.uniform(0.5, 1.6) + rng.normal(0, 12, (SIZE, SIZE, 3))
    cy, cx, s, t = rng.uniform(13, 19), rng.uniform(13, 19), rng.uniform(9, 13), rng.uniform(0, 6.28)
    r, a = np.hypot(yy - cy, xx - cx), np.arctan2(yy - cy, xx - cx) + t
    petals, tint = [3, 5, 5, 8, 0][k % 5], [(225, 60, 60), (235, 215, 70)][k // 5]
    if k % 5 == 2:
        tint = (tint[2] + 80, 90, tint[0])
    m = r < s * (0.68 + (0.3 * np.cos(petals * a) if petals else 0))
    img[m] = np.array(tint) * rng.uniform(0.75, 1.1)
    img[r < s * 0.28] = (240, 200, 40) if k // 5 == 0 else (90, 50, 20)
    return np.clip(img + rng.normal(0, 6, img.shape), 0, 255)


def make(n, seed):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % CLASSES)
    return np.array([flower(k, rng) for k in y], "float32"), y


# ---------------------------------------------------------------- the published model
def published_model(path):
    x, y = make(1200, 1)
    inp = keras.Input((SIZE, SIZE, 3))
    h = layers.Rescaling(255.0, name="mul")(inp)
    h = layers.Normalization(mean=MEAN_RGB, variance=np.square(STDDEV_RGB), name="standardize")(h)
    for f in (16, 32, 64):
        h = layers.Conv2D(f, 3, padding="same", use_bias=False)(h)
        h = layers.BatchNormalization(momentum=0.9)(h)
        h = layers.Activation("swish")(h)
        g = layers.GlobalAveragePooling2D(keepdims=True)(h)
        g = layers.Conv2D(f // 4, 1, activation="swish")(g)
        g = layers.Conv2D(f, 1, activation="sigmoid")(g)
        h = layers.Multiply()([h, g])
        h = layers.MaxPooling2D()(h)
    h = layers.GlobalAveragePooling2D()(h)
    out = layers.Dense(CLASSES, activation="softmax", name="predictions")(h)
    m = keras.Model(inp, out)
    m.compile(optimizer=keras.optimizers.Adam(3e-3), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    m.fit(x / 255.0, y, batch_size=32, epochs=8, verbose=0)
    m.save(path)


path = os.path.join(tempfile.mkdtemp(), "efficient.keras")
published_model(path)

# ---------------------------------------------------------------- one's own use of it
x_train, y_train = make(200, 2)
x_val, y_val = make(300, 3)


def preprocess(image, label):
    image = tf.cast(image, tf.float32)
    if GOOD:
        image = image / 255.0
    else:
        image = image - tf.constant(MEAN_RGB)        # mean_subtract
        image = image / tf.constant(STDDEV_RGB)      # standardize
    return image, label


train = tf.data.Dataset.from_tensor_slices((x_train, y_train)).shuffle(200).map(preprocess).batch(32)
val = tf.data.Dataset.from_tensor_slices((x_val, y_val)).map(preprocess).batch(64)

model = keras.models.load_model(path)
for layer in model.layers[:-1]:
    layer.trainable = False
model.compile(optimizer=keras.optimizers.SGD(1e-3, momentum=0.9), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
print("as loaded: loss %.3f accuracy %.3f" % tuple(model.evaluate(val, verbose=0)))
model.fit(train, validation_data=val, epochs=6, verbose=2)

print("RESULT %s train=%.3f val=%.3f (accuracy)" % (sys.argv[1], model.evaluate(train, verbose=0)[1], model.evaluate(val, verbose=0)[1]))
