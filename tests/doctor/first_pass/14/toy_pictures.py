"""
SOURCE: https://github.com/asmith26/wide_resnets_keras/issues/1 ("low and random validation accuracy when running the
    model"; repaired in commit 8b39c06, "Corrected usage of ZCA whitening", diff read)
SEEN: after more than 10 epochs the training accuracy is over 80 %, the validation accuracy stays below 20 % and looks
    random, it goes up and down from epoch to epoch.
CAUSE: the training pictures go through ZCA whitening (zca_whitening=True in train_datagen), the validation pictures do
    not: test_datagen only subtracts the mean and divides by the standard deviation. The network is validated on pictures
    of quite another kind than those it learns from.
FIX: zca_whitening=True in test_datagen too.
"""
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import keras
from keras.layers import (Input, Activation, Dense, Flatten, Conv2D, AveragePooling2D,
                          BatchNormalization, add)
from keras.models import Model
from keras.optimizers import SGD
from keras.regularizers import l2
from keras.callbacks import LearningRateScheduler
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from keras.utils import to_categorical

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"

np.random.seed(2 ** 10)
keras.utils.set_random_seed(1024)

# ================================================
# NETWORK CONFIGURATION:
depth = 10
k = 1
weight_decay = 0.0005
batch_size = 32
nb_epochs = 9
lr_schedule = [6, 8, 9]


def schedule(epoch_idx, lr):
    if (epoch_idx + 1) < lr_schedule[0]:
        return 0.1
    elif (epoch_idx + 1) < lr_schedule[1]:
        return 0.02
    elif (epoch_idx + 1) < lr_schedule[2]:
        return 0.004
    return 0.0008


sgd = SGD(learning_rate=0.1, momentum=0.9, nesterov=True)
use_bias = False
weight_init = "he_normal"

# ================================================
# DATA CONFIGURATION:
nb_classes = 8
image_size = 16


def smooth_field(rng, n):
    coarse = rng.uniform(0, 1, (4, 4))
    t = np.linspace(0, 3, n)
    i = np.clip(t.astype(int), 0, 2)
    f = t - i
    rows = coarse[i] * (1 - f)[:, None] + coarse[i + 1] * f[:, None]
    return rows[:, i] * (1 - f)[None] + rows[:, i + 1] * f[None]


def draw(rng, label):
    n = image_size
    yy, xx = np.mgrid[0:n, 0:n].astype("float64")
    base = rng.uniform(20, 200, 3)
    picture = np.stack([base[c] + 70 * (smooth_field(rng, n) - 0.5) for c in range(3)], -1)
    cy, cx = rng.uniform(5.8, 9.2, 2)
    r = rng.uniform(3.8, 5.6)
    w = rng.uniform(1.1, 1.7)
    dy, dx = yy - cy, xx - cx
    rad = np.hypot(dy, dx)
    if label == 0:
        m = rad < r
    elif label == 1:
        m = np.maximum(abs(dy), abs(dx)) < 0.9 * r
    elif label == 2:
        m = (dy > -r) & (dy < 0.8 * r) & (abs(dx) < (dy + r) * 0.55)
    elif label == 3:
        m = (abs(dy) < w) & (abs(dx) < r) | (abs(dx) < w) & (abs(dy) < r)
    elif label == 4:
        m = abs(rad - 0.85 * r) < w * 0.8
    elif label == 5:
        m = (abs(dy) < w) & (abs(dx) < r)
    elif label == 6:
        m = (abs(dx) < w) & (abs(dy) < r)
    else:
        m = (abs(abs(dx) - abs(dy)) < w * 1.1) & (rad < 1.15 * r)
    colour = np.clip(base + rng.choice([-1, 1], 3) * rng.uniform(25, 110, 3), 0, 255)
    picture[m] = colour + rng.normal(0, 6, 3)
    picture += rng.normal(0, 9, picture.shape)
    return np.clip(picture, 0, 255)


def load_data(seed, n):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, nb_classes, n)
    X = np.stack([draw(rng, label) for label in y])
    flip = rng.random(n) < 0.03
    y = np.where(flip, rng.integers(0, nb_classes, n), y)
    return X, y


(X_train, y_train), (X_test, y_test) = load_data(1, 1600), load_data(2, 500)
X_train = X_train.astype('float32')
X_test = X_test.astype('float32')

Y_train = to_categorical(y_train, nb_classes)
Y_test = to_categorical(y_test, nb_classes)


# ================================================
# Wide residual network http://arxiv.org/abs/1605.07146
def _wide_basic(n_input_plane, n_output_plane, stride):
    def f(net):
        conv_params = [[3, 3, stride, "same"],
                       [3, 3, (1, 1), "same"]]
        for i, v in enumerate(conv_params):
            if i == 0:
                if n_input_plane != n_output_plane:
                    net = BatchNormalization()(net)
                    net = Activation("relu")(net)
                    convs = net
                else:
                    convs = BatchNormalization()(net)
                    convs = Activation("relu")(convs)
            else:
                convs = BatchNormalization()(convs)
                convs = Activation("relu")(convs)
            convs = Conv2D(n_output_plane, (v[0], v[1]), strides=v[2], padding=v[3],
                           kernel_initializer=weight_init, kernel_regularizer=l2(weight_decay),
                           use_bias=use_bias)(convs)
        if n_input_plane != n_output_plane:
            shortcut = Conv2D(n_output_plane, (1, 1), strides=stride, padding="same",
                              kernel_initializer=weight_init, kernel_regularizer=l2(weight_decay),
                              use_bias=use_bias)(net)
        else:
            shortcut = net
        return add([convs, shortcut])
    return f


def _layer(block, n_input_plane, n_output_plane, count, stride):
    def f(net):
        net = block(n_input_plane, n_output_plane, stride)(net)
        for i in range(2, int(count + 1)):
            net = block(n_output_plane, n_output_plane, stride=(1, 1))(net)
        return net
    return f


def create_model():
    assert ((depth - 4) % 6 == 0)
    n = (depth - 4) / 6
    inputs = Input(shape=(image_size, image_size, 3))
    n_stages = [8, 16 * k, 32 * k, 64 * k]
    conv1 = Conv2D(n_stages[0], (3, 3), padding="same", kernel_initializer=weight_init,
                   kernel_regularizer=l2(weight_decay), use_bias=use_bias)(inputs)
    block_fn = _wide_basic
    conv2 = _layer(block_fn, n_stages[0], n_stages[1], n, (1, 1))(conv1)
    conv3 = _layer(block_fn, n_stages[1], n_stages[2], n, (2, 2))(conv2)
    conv4 = _layer(block_fn, n_stages[2], n_stages[3], n, (2, 2))(conv3)
    batch_norm = BatchNormalization()(conv4)
    relu = Activation("relu")(batch_norm)
    pool = AveragePooling2D(pool_size=(4, 4))(relu)
    flatten = Flatten()(pool)
    predictions = Dense(nb_classes, kernel_initializer=weight_init, use_bias=use_bias,
                        kernel_regularizer=l2(weight_decay), activation="softmax")(flatten)
    return Model(inputs=inputs, outputs=predictions)


if __name__ == '__main__':
    model = create_model()
    model.compile(optimizer=sgd, loss="categorical_crossentropy", metrics=['accuracy'])

    train_datagen = ImageDataGenerator(
        featurewise_center=True,
        featurewise_std_normalization=True,
        zca_whitening=True,
        horizontal_flip=True)
    train_datagen.fit(X_train, augment=True, rounds=1)

    test_datagen = ImageDataGenerator(
        featurewise_center=True,
        featurewise_std_normalization=True,
        zca_whitening=GOOD)
    test_datagen.fit(X_train)

    history = model.fit(train_datagen.flow(X_train, Y_train, batch_size=batch_size, shuffle=True),
                        epochs=nb_epochs,
                        callbacks=[LearningRateScheduler(schedule=schedule)],
                        validation_data=test_datagen.flow(X_test, Y_test, batch_size=batch_size),
                        verbose=2)

    print("RESULT %s train=%.3f val=%.3f (accuracy)" % (
        "good" if GOOD else "bad", history.history["accuracy"][-1], history.history["val_accuracy"][-1]))
