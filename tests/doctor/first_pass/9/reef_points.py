"""
SOURCE: divamgupta/image-segmentation-keras#52 ("maybe do not consider the ignore label in the training data"),
https://github.com/divamgupta/image-segmentation-keras/issues/52, comment of JordanMakesMaps (2019-08-07), who tells his
own case and what helped (the data are not described there; reef pictures with annotated spots here).
SAW: "really bad results": the model predicts everything as background / ignore.
CAUSE: the pixels that nobody annotated are made a class of their own (number 0), and they are by far the most.
FIX: after to_categorical fill the channel of the ignored pixels with zeros, so they do not count in the loss.
"""
import sys
import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(21)
S, CLASSES = 48, 5                # 0 no mark, 1 sand, 2 rock, 3 branching coral, 4 algae


def seabed(rng):
    yy, xx = np.mgrid[0:S, 0:S]
    pts, kinds = rng.uniform(0, S, (9, 2)), rng.integers(1, 5, 9)
    true = kinds[np.argmin((yy[..., None] - pts[:, 0]) ** 2 + (xx[..., None] - pts[:, 1]) ** 2, -1)]
    img = rng.normal(0, 14, (S, S, 3))
    f, g = rng.uniform(1.0, 1.5, 2)
    look = {1: [150, 140, 110] + 0 * img, 2: [95, 95, 105] + 22 * np.sin(f * xx)[..., None],
            3: [135, 100, 95] + 35 * (np.sin(f * xx) * np.sin(g * yy))[..., None], 4: [85, 115, 80] + 22 * np.sin(g * yy)[..., None]}
    for k, v in look.items():
        img[true == k] += v[true == k]
    img *= rng.uniform(0.85, 1.1)
    marked = np.zeros((S, S), int)
    for _ in range(8):
        y, x = rng.integers(3, S - 3, 2)
        k = true[y, x]
        part = true[y - 2:y + 3, x - 2:x + 3] == k
        marked[y - 2:y + 3, x - 2:x + 3][part] = k
    return np.clip(img, 0, 255) / 255.0, marked, true


def load(n, seed):
    rng = np.random.default_rng(seed)
    x, marked, true = (np.array(a) for a in zip(*[seabed(rng) for _ in range(n)]))
    y = keras.utils.to_categorical(marked, CLASSES)
    if GOOD:
        y[..., 0] = 0
    return x.astype("float32"), y.reshape(n, S * S, CLASSES).astype("float32"), true.reshape(n, S * S)


def fcn():
    inp = layers.Input((S, S, 3))
    block = lambda x, f: layers.Activation("relu")(layers.BatchNormalization(momentum=0.9)(layers.Conv2D(f, 3, padding="same")(x)))
    a = block(inp, 16)
    b = block(layers.MaxPooling2D()(a), 32)
    c = block(layers.MaxPooling2D()(b), 48)
    x = block(layers.Concatenate()([layers.UpSampling2D()(c), b]), 32)
    x = block(layers.Concatenate()([layers.UpSampling2D()(x), a]), 16)
    x = layers.Conv2D(CLASSES, 1, activation="softmax")(x)
    return keras.Model(inp, layers.Reshape((S * S, CLASSES))(x))


x_train, y_train, t_train = load(160, 1)
x_val, y_val, t_val = load(40, 2)
model = fcn()
model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=8, epochs=9, validation_data=(x_val, y_val), verbose=2)
score = lambda x, t: float((model.predict(x, verbose=0).argmax(-1) == t).mean())
print(f"RESULT {sys.argv[1]} train={score(x_train, t_train):.3f} val={score(x_val, t_val):.3f} (pixels right, against the full map)")
