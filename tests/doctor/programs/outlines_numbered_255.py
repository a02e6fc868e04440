"""The outlines in the masks have the number 255 ("void"), and the loss over three classes is not told to skip them.

Known from Pascal VOC and Cityscapes: loss NaN on a GPU or compiled, "label value 255 outside the valid range" without.
"""

import keras
from keras import layers

from doctor.toy_data.images import scenes

CAUSES = ("label-out-of-range",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(407)
    (x, m), (xv, mv) = scenes(void=True, n_train=420, n_val=100, seed=7)
    x, xv = x.astype("float32") / 127.5 - 1, xv.astype("float32") / 127.5 - 1
    model = keras.Sequential(
        [
            layers.Input((20, 20, 3)),
            layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"),
            layers.UpSampling2D(),
            layers.Conv2D(12, 3, padding="same", activation="relu"),
            layers.Conv2D(3, 1),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=255 if repaired else None)
    iou = keras.metrics.MeanIoU(3, ignore_class=255, sparse_y_pred=False, name="iou")
    model.compile(keras.optimizers.Adam(5e-3), loss, metrics=[iou], jit_compile=True)
    model.fit(x, m, validation_data=(xv, mv), epochs=5, batch_size=20, callbacks=callbacks, verbose=0)
    return model
