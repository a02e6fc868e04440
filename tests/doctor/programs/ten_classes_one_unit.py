"""Ten digits are to be told apart by one sigmoid unit under binary crossentropy.

A very frequent beginner's question (MNIST with Dense(1)); NeuraLint's last-layer rules, DeepFD's loss faults.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

# One unit for ten classes. The labels 0..9 are also out of the range of the loss, which is the same fact from the
# other side; as the head and its loss are replaced together, naming the loss is right too.
CAUSES = ("output-units", "label-out-of-range", "wrong-loss")


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(44)
    (x, y), (xv, yv) = digits(16)
    x, xv = x / 255.0, xv / 255.0
    model = keras.Sequential(
        [
            layers.Input((16, 16, 1)),
            layers.Conv2D(16, 3, activation="relu", kernel_initializer="he_normal"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu", kernel_initializer="he_normal"),
        ]
    )
    if repaired:
        model.add(layers.Dense(10, activation="softmax"))
    else:
        model.add(layers.Dense(1, activation="sigmoid"))
    loss = "sparse_categorical_crossentropy" if repaired else "binary_crossentropy"
    model.compile("adam", loss, metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=5, batch_size=32, callbacks=callbacks, verbose=0)
    return model
