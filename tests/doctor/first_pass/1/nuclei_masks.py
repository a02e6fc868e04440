"""
SOURCE: Stack Overflow 57200621 (copies: coderoad.ru/57200621, whosebug.com/question/4528606),
"Model not training and negative loss when whitening input data"
SAW: a segmentation network with an image generator and a mask generator (same arguments, same seed):
the loss turns negative, the IoU stays near zero; without featurewise_center and
featurewise_std_normalization it trains.
CAUSE: the masks are standardised by their generator as well, so the targets of the binary cross-entropy
are no longer 0 and 1.
FIX: no featurewise_center / featurewise_std_normalization in the generator of the masks.
"""
import math
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
import numpy as np
import tensorflow as tf
from tensorflow.keras.layers import Input, Conv2D, MaxPooling2D, UpSampling2D, concatenate
from tensorflow.keras.models import Model
from tensorflow.keras.preprocessing.image import ImageDataGenerator

GOOD = sys.argv[1] == "good"
tf.keras.utils.set_random_seed(5)
rng = np.random.default_rng(5)
S = 32


def sample():
    yy, xx = np.mgrid[0:S, 0:S]
    mask = np.zeros((S, S), bool)
    for _ in range(rng.integers(1, 4)):
        cy, cx = rng.integers(4, S - 4, 2)
        mask |= (yy - cy) ** 2 + (xx - cx) ** 2 < rng.integers(3, 7) ** 2
    img = rng.uniform(0.1, 0.3) + 0.4 * mask + rng.normal(0, 0.08, (S, S))
    return np.clip(img, 0, 1), mask


pairs = [sample() for _ in range(400)]
X = np.array([p[0] for p in pairs], "float32")[..., None]
Y = np.array([p[1] for p in pairs], "float32")[..., None]
X_train, X_val, Y_train, Y_val = X[:320], X[320:], Y[:320], Y[320:]

BATCH, EPOCHS, SEED = 16, 10, 1
augment = dict(width_shift_range=0.1, height_shift_range=0.1, horizontal_flip=True, fill_mode="nearest")
whiten = dict(featurewise_center=True, featurewise_std_normalization=True)

picture_gen = ImageDataGenerator(**augment, **whiten)
if GOOD:
    mask_gen = ImageDataGenerator(**augment)
else:
    mask_gen = ImageDataGenerator(**augment, **whiten)
picture_gen.fit(X_train, augment=True, seed=SEED)
mask_gen.fit(Y_train, augment=True, seed=SEED)

picture_flow = picture_gen.flow(X_train, batch_size=BATCH, seed=SEED)
mask_flow = mask_gen.flow(Y_train, batch_size=BATCH, seed=SEED)


def both():
    while True:
        yield next(picture_flow), next(mask_flow)


X_val = picture_gen.standardize(X_val.copy())

inputs = Input((S, S, 1))
c1 = Conv2D(16, 3, activation="relu", padding="same")(inputs)
p1 = MaxPooling2D(2)(c1)
c2 = Conv2D(32, 3, activation="relu", padding="same")(p1)
p2 = MaxPooling2D(2)(c2)
c3 = Conv2D(64, 3, activation="relu", padding="same")(p2)
u2 = concatenate([UpSampling2D(2)(c3), c2])
c4 = Conv2D(32, 3, activation="relu", padding="same")(u2)
u1 = concatenate([UpSampling2D(2)(c4), c1])
c5 = Conv2D(16, 3, activation="relu", padding="same")(u1)
outputs = Conv2D(1, 1, activation="sigmoid")(c5)
model = Model(inputs, outputs)


def iou(y_true, y_pred):
    t = tf.cast(y_true > 0.5, "float32")
    p = tf.cast(y_pred > 0.5, "float32")
    inter = tf.reduce_sum(t * p)
    return inter / (tf.reduce_sum(t) + tf.reduce_sum(p) - inter + 1e-7)


model.compile(optimizer="adam", loss="binary_crossentropy", metrics=[iou])
model.fit(both(), steps_per_epoch=math.ceil(len(X_train) / BATCH), epochs=EPOCHS,
          validation_data=(X_val, Y_val), verbose=2)


def score(x, y):
    p = model.predict(x, verbose=0) > 0.5
    return (p & (y > 0.5)).sum() / max(1, (p | (y > 0.5)).sum())


print("RESULT %s train=%.3f val=%.3f" % (
    sys.argv[1], score(picture_gen.standardize(X_train.copy()), Y_train), score(X_val, Y_val)))
