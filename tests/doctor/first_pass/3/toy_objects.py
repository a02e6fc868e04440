"""
SOURCE: https://github.com/cleverhans-lab/cleverhans/issues/25 ("wrong order in tf_model_loss")

SEEN: a Keras network trained with an own loop. MNIST with a small net goes through unnoticed, but a deeper
network on cifar-10 fails to train.

CAUSE: the loss function gets its arguments in the wrong order, categorical_crossentropy(prediction, labels)
instead of categorical_crossentropy(labels, prediction).
FIX: pass the labels first and the prediction second.
"""
import os, sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(29)
rng = np.random.default_rng(29)
NB_CLASSES, S = 10, 16
base = rng.uniform(0, 1, (NB_CLASSES, 4, 4, 3)).repeat(4, axis=1).repeat(4, axis=2)


def objects(n):
    y = rng.integers(0, NB_CLASSES, n)
    x = np.stack([np.roll(base[k], rng.integers(-2, 3, 2), axis=(0, 1)) for k in y])
    x = x * rng.uniform(.5, 1, (n, 1, 1, 1)) + rng.normal(0, .2, x.shape)
    return np.clip(x, 0, 1).astype("float32"), keras.utils.to_categorical(y, NB_CLASSES)


X_train, Y_train = objects(1500)
X_test, Y_test = objects(300)


def cnn_model():
    model = keras.Sequential([keras.Input((S, S, 3))])
    for i, f in enumerate((16, 16, 16, 32, 32, 32, 32, 32)):
        model.add(layers.Conv2D(f, 3, padding="same", activation="relu", strides=2 if i in (1, 4) else 1))
    model.add(layers.Flatten())
    model.add(layers.Dense(64, activation="relu"))
    model.add(layers.Dense(NB_CLASSES, activation="softmax"))
    return model


def model_loss(y, prediction):
    if GOOD:
        out = keras.losses.categorical_crossentropy(y, prediction)
    else:
        out = keras.losses.categorical_crossentropy(prediction, y)
    return tf.reduce_mean(out)


model = cnn_model()
optimizer = keras.optimizers.Adam(2e-3)


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = model_loss(y, model(x, training=True))
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss


def accuracy(x, y):
    return float((model.predict(x, batch_size=100, verbose=0).argmax(1) == y.argmax(1)).mean())


batch = 50
for epoch in range(8):
    losses = []
    order = rng.permutation(len(X_train))
    for b in range(0, len(order), batch):
        idx = order[b:b + batch]
        losses.append(float(train_step(tf.constant(X_train[idx]), tf.constant(Y_train[idx], tf.float32))))
    print("epoch %d loss %.4f test accuracy %.3f" % (epoch, np.mean(losses), accuracy(X_test, Y_test)))
print("RESULT %s train=%.3f val=%.3f" % ("good" if GOOD else "bad", accuracy(X_train, Y_train), accuracy(X_test, Y_test)))
