"""
SOURCE: cleverhans-lab/cleverhans#220 (pull request "Fixes ex_cifar10_tf.py by changing learning rate from 0.1 to 0.001"),
https://github.com/cleverhans-lab/cleverhans/pull/220, merged; description of ajherman seen.
SAW: the CIFAR10 example does not learn, the printed test accuracy does not change from epoch to epoch.
CAUSE: the learning rate of 0.1 is far too high for Adam.
FIX: 0.001, as in the MNIST tutorials of the same repository.
(Small pictures of ten drawn things in place of CIFAR10; smaller net; GradientTape in place of the session loop.)
"""
import sys
import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(1234)
NB_EPOCHS, BATCH_SIZE = 16, 64
LEARNING_RATE = 0.001 if GOOD else 0.1


def data_objects(n, seed):
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[0:32, 0:32]
    X, y = np.zeros((n, 32, 32, 3)), np.arange(n) % 10
    for i, c in enumerate(y):
        cx, cy, r = rng.uniform(13, 19), rng.uniform(13, 19), rng.uniform(7, 10)
        u, v = (xx - cx) / r, (yy - cy) / r
        m = [u * u + v * v < 1, (abs(u) < .85) & (abs(v) < .85), abs(u) + abs(v) < 1.1, (abs(u) < .3) | (abs(v) < .3),
             (abs(u - v) < .35) | (abs(u + v) < .35), (u * u + v * v < 1) & (u * u + v * v > .4), (abs(u) < 1) & (abs(v) < .4),
             (abs(u) < .4) & (abs(v) < 1), (v > -1) & (v < 1) & (abs(u) < (v + 1) / 2),
             ((abs(u) < .9) & (abs(v) < .9)) & (np.floor(u * 3) + np.floor(v * 3)).astype(int) % 2][c].astype(bool)
        m &= (abs(u) < 1.1) & (abs(v) < 1.1)
        X[i] = rng.uniform(0, 255, 3) * 0.5 + 60
        X[i][m] = np.clip(X[i][0, 0] + rng.choice([-1, 1]) * rng.uniform(60, 110, 3), 0, 255)
        X[i] += rng.normal(0, 6, (32, 32, 3))
    X = np.clip(X, 0, 255).astype("float32") / 255
    Y = keras.utils.to_categorical(y, 10)
    return X, Y


def cnn_model(nb_filters=24):
    return keras.Sequential([
        layers.Input((32, 32, 3)),
        layers.Conv2D(nb_filters, (8, 8), strides=(2, 2), padding="same", activation="relu"),
        layers.Conv2D(nb_filters * 2, (6, 6), strides=(2, 2), padding="valid", activation="relu"),
        layers.Conv2D(nb_filters * 2, (5, 5), strides=(1, 1), padding="valid", activation="relu"),
        layers.Flatten(),
        layers.Dense(10),
    ])


def model_eval(model, X, Y):
    return float((model.predict(X, batch_size=256, verbose=0).argmax(1) == Y.argmax(1)).mean())


def model_train(model, X, Y, X_test, Y_test, nb_epochs, batch_size, learning_rate):
    optimizer = keras.optimizers.Adam(learning_rate)

    @tf.function
    def step(xb, yb):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=yb, logits=model(xb, training=True)))
        optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))
        return loss

    for epoch in range(nb_epochs):
        order = np.random.permutation(len(X))
        losses = [float(step(X[order[k:k + batch_size]], Y[order[k:k + batch_size]]))
                  for k in range(0, len(X) - batch_size + 1, batch_size)]
        print("Epoch", epoch, "loss %.4f" % np.mean(losses), "Test accuracy on legitimate test examples:", model_eval(model, X_test, Y_test))


X_train, Y_train = data_objects(2000, 1)
X_test, Y_test = data_objects(500, 2)
label_smooth = 0.1
Y_smooth = Y_train.clip(label_smooth / 9.0, 1.0 - label_smooth).astype("float32")
model = cnn_model()
model_train(model, X_train, Y_smooth, X_test, Y_test, NB_EPOCHS, BATCH_SIZE, LEARNING_RATE)
print(f"RESULT {sys.argv[1]} train={model_eval(model, X_train, Y_train):.3f} val={model_eval(model, X_test, Y_test):.3f} (accuracy)")
