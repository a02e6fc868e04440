"""image_dataset_from_directory reads the class folders with shuffle=False, so its last quarter is one class only.

Stack Overflow on validation_split of Keras' image readers: without shuffling it cuts the sorted list of files.
"""

import tempfile
from pathlib import Path

import keras
from keras import layers
from PIL import Image

from doctor.toy_data.images import textures

CAUSES = ("unshuffled-data",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(408)
    (x, y), _ = textures(n_train=1200, n_val=4, seed=8)
    with tempfile.TemporaryDirectory() as folder:
        for i, (image, label) in enumerate(zip(x, y, strict=True)):
            path = Path(folder) / f"direction_{label}" / f"{i:04}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(image).save(path)
        train, val = keras.utils.image_dataset_from_directory(
            folder,
            image_size=(16, 16),
            batch_size=30,
            validation_split=0.25,
            subset="both",
            shuffle=repaired,
            seed=8,
            verbose=False,
        )
        inputs = layers.Input((16, 16, 3))
        h = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
        h = layers.Conv2D(16, 3, activation="relu")(h)
        h = layers.Conv2D(24, 3, activation="relu")(h)
        h = layers.MaxPooling2D()(h)
        h = layers.Flatten()(h)
        h = layers.Dense(32, activation="relu")(h)
        model = keras.Model(inputs, layers.Dense(4, activation="softmax")(h))
        model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(train, validation_data=val, epochs=6, callbacks=callbacks, verbose=0)
    return model
