"""Every layer carries l2(0.3), thought to be a mild value; the penalty wipes out the kernels. Over-regularisation:
Humbatova et al., Stack Overflow ("loss falls but accuracy stays at chance")."""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("strong-regularization",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    strength = 1e-4 if repaired else 0.3
    (x, y), (xv, yv) = digits(size=16)
    x, xv = x.astype("float32") / 255, xv.astype("float32") / 255

    def conv(h, filters, strides=1):
        return layers.Conv2D(
            filters,
            3,
            strides=strides,
            padding="same",
            activation="relu",
            kernel_regularizer=keras.regularizers.L2(strength),
        )(h)

    inputs = keras.Input((16, 16, 1))
    h = conv(inputs, 16, 2)
    h = layers.Add()([h, conv(conv(h, 16), 16)])
    h = conv(h, 32, 2)
    h = layers.Flatten()(h)
    outputs = layers.Dense(10, activation="softmax", kernel_regularizer=keras.regularizers.L2(strength))(h)
    model = keras.Model(inputs, outputs)
    model.compile(optimizer=keras.optimizers.Adam(0.002), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=32, epochs=6, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
