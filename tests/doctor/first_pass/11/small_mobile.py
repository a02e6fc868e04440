"""
SOURCE: tensorflow/tensorflow#36065 ("tf.keras MobileNetV2 with weights=None fails to train").
SAW: Cats and dogs with a MobileNetV2 from scratch: the training accuracy rises, the validation
    accuracy stays at 0.5 and the validation loss does not go down; MobileNet V1 and a ResNet on
    the same pictures are fine.
CAUSE: The BatchNormalization layers have a momentum of 0.999, so that the moving averages that are used
    in validation are still close to their start values.
FIX: A lower momentum (0.9) in the BatchNormalization layers.
"""
import sys

import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(7)

IMG_SIZE = 32
BATCH_SIZE = 32
MOMENTUM = 0.9 if GOOD else 0.999


def make_animals(n, rng):
    yy, xx = np.mgrid[0:IMG_SIZE, 0:IMG_SIZE]
    X = np.zeros((n, IMG_SIZE, IMG_SIZE, 3), "float32")
    y = rng.integers(0, 2, n)
    for i in range(n):
        cy, cx = rng.uniform(12, 20, 2)
        r = rng.uniform(6, 9)
        body = ((yy - cy) ** 2 + (xx - cx) ** 2 < r ** 2).astype("float32")
        step = rng.integers(2, 4)
        stripes = ((xx if y[i] else yy) // step % 2).astype("float32")
        fur = rng.uniform(60, 200, 3)
        ground = rng.uniform(60, 200, 3)
        pic = ground + (fur - ground) * body[..., None] + 45 * (body * (stripes - 0.5))[..., None]
        X[i] = np.clip(pic + rng.normal(0, 8, pic.shape), 0, 255)
    return X, y.astype("float32")


def format_example(image, label):
    return tf.cast(image, tf.float32) / 127.5 - 1, label


rng = np.random.default_rng(11)
raw_train, raw_val = make_animals(960, rng), make_animals(240, rng)
train_batches = (tf.data.Dataset.from_tensor_slices(raw_train).map(format_example)
                 .shuffle(1000, seed=1).batch(BATCH_SIZE))
validation_batches = tf.data.Dataset.from_tensor_slices(raw_val).map(format_example).batch(BATCH_SIZE)


def bn(x):
    return layers.BatchNormalization(epsilon=1e-3, momentum=MOMENTUM)(x)


def inverted_res_block(x, filters, stride, expansion):
    channels = x.shape[-1]
    y = layers.Conv2D(expansion * channels, 1, use_bias=False)(x)
    y = layers.ReLU(6.)(bn(y))
    y = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(y)
    y = layers.ReLU(6.)(bn(y))
    y = bn(layers.Conv2D(filters, 1, use_bias=False)(y))
    if channels == filters and stride == 1:
        y = layers.Add()([x, y])
    return y


inputs = layers.Input((IMG_SIZE, IMG_SIZE, 3))
x = layers.ReLU(6.)(bn(layers.Conv2D(16, 3, padding="same", use_bias=False)(inputs)))
x = inverted_res_block(x, 12, 2, 2)
x = inverted_res_block(x, 12, 1, 3)
x = inverted_res_block(x, 24, 2, 3)
x = inverted_res_block(x, 24, 1, 3)
x = layers.ReLU(6.)(bn(layers.Conv2D(64, 1, use_bias=False)(x)))
base_model = keras.Model(inputs, x, name="mobilenet_small")

model = keras.Sequential([
    base_model,
    layers.GlobalAveragePooling2D(),
    layers.Dense(1),
])
model.compile(optimizer=keras.optimizers.RMSprop(learning_rate=0.001),
              loss=keras.losses.BinaryCrossentropy(from_logits=True),
              metrics=[keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)],
              jit_compile=False)
history = model.fit(train_batches, epochs=8, validation_data=validation_batches, verbose=2)

print(f"RESULT {sys.argv[1]} train={history.history['accuracy'][-1]:.3f} "
      f"val={history.history['val_accuracy'][-1]:.3f} (accuracy, two classes; train as fit shows it)")
