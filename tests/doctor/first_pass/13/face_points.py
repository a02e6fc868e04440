"""
SOURCE: https://github.com/olddocks/caffe-facialkp/issues/1 ("Prediction results for different images are the same";
    Caffe there; one convolution, the LRN layer and the channel groups left out,
    smaller images, filters, dropout and weight decay here)
SEEN: The network for facial keypoints trains without an error, but predicts the same points for every image.
CAUSE: No layer of the prototxt has a weight_filler, and Caffe's default filler is the constant 0: all kernels start
    at zero (only the biases at 0.1), so no layer passes on anything of the image and all channels of a layer stay the
    same; only the biases of the output learn, to the mean of the targets.
FIX: A weight_filler (xavier) in every convolution and inner-product layer.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
FILLER = "glorot_uniform" if GOOD else "zeros"

keras.utils.set_random_seed(3)
rng = np.random.default_rng(3)
S = 48


def draw_face():
    yy, xx = np.mgrid[0:S, 0:S].astype(float)
    cx, cy = 24 + rng.normal(0, 3.5), 24 + rng.normal(0, 3.5)
    k = rng.uniform(0.75, 1.2)
    tilt = rng.normal(0, 0.15)
    base = np.array([[-6, -4], [6, -4], [-8.5, -4], [-3.5, -4], [3.5, -4], [8.5, -4],
                     [-9, -8], [-3, -8.5], [3, -8.5], [9, -8], [0, 2], [-4.5, 8], [4.5, 8], [0, 7], [0, 9.5]])
    base = base + rng.normal(0, 0.4, base.shape)
    rot = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    pts = k * base @ rot.T + [cx, cy]
    img = np.full((S, S), rng.uniform(40, 140)) + rng.uniform(-1, 1) * (xx - 24)
    u, v = (xx - cx) * np.cos(tilt) + (yy - cy) * np.sin(tilt), -(xx - cx) * np.sin(tilt) + (yy - cy) * np.cos(tilt)
    img[(u / (12.5 * k)) ** 2 + (v / (16 * k)) ** 2 < 1] = rng.uniform(150, 210)
    for i, depth in ((0, 110), (1, 110), (10, 50)):
        img -= depth * np.exp(-((xx - pts[i, 0]) ** 2 + (yy - pts[i, 1]) ** 2) / (2 * (1.5 * k) ** 2))
    for a, b, depth in ((6, 7, 70), (8, 9, 70), (11, 12, 90)):
        for t in np.linspace(0, 1, 9):
            p = pts[a] * (1 - t) + pts[b] * t
            img -= depth / 3 * np.exp(-((xx - p[0]) ** 2 + (yy - p[1]) ** 2) / (2 * 0.9 ** 2))
    img += rng.normal(0, 8, img.shape)
    return np.clip(img, 0, 255), pts.ravel()


def histogram_equalization(image, number_bins=256):
    hist, bins = np.histogram(image.ravel(), number_bins, density=True)
    cdf = hist.cumsum()
    cdf = 255 * cdf / cdf[-1]
    return np.interp(image.ravel(), bins[:-1], cdf).reshape(image.shape)


faces = [draw_face() for _ in range(850)]
X = np.array([histogram_equalization(f[0]) for f in faces], "float32")[..., None] / 255
y = np.array([f[1] for f in faces], "float32") / S
X_train, y_train, X_test, y_test = X[:700], y[:700], X[700:], y[700:]

l2 = keras.regularizers.L2(5e-4)
bias = keras.initializers.Constant(0.1)


def conv(filters, size, stride=1):
    return layers.Conv2D(filters, size, strides=stride, padding="same", activation="relu", kernel_initializer=FILLER,
                         bias_initializer=bias, kernel_regularizer=l2)


model = keras.Sequential([
    keras.Input((S, S, 1)),
    conv(12, 7, 2),
    layers.MaxPooling2D(2),
    conv(16, 5),
    layers.MaxPooling2D(2),
    conv(16, 3),
    conv(24, 3),
    layers.Dropout(0.2),
    layers.Flatten(),
    layers.Dense(100, activation="relu", kernel_initializer=FILLER, bias_initializer=bias, kernel_regularizer=l2),
    layers.Dropout(0.2),
    layers.Dense(30, activation="relu", kernel_initializer=FILLER, bias_initializer=bias, kernel_regularizer=l2),
])


def euclidean_loss(true, pred):
    return keras.ops.sum(keras.ops.square(pred - true), axis=-1) / 2


model.compile(optimizer=keras.optimizers.SGD(learning_rate=0.01, momentum=0.9), loss=euclidean_loss)
model.fit(X_train, y_train, batch_size=50, epochs=32, validation_data=(X_test, y_test), verbose=2)


def r2(a, b):
    p = model.predict(a, verbose=0)
    return float(1 - np.sum((b - p) ** 2) / np.sum((b - b.mean(0)) ** 2)), p


train_r2, _ = r2(X_train, y_train)
test_r2, points = r2(X_test, y_test)
print("first point of three test faces (pixels):", (points[:3, :2] * S).round(1).tolist())
print("RESULT %s train=%.3f val=%.3f (R2)" % ("good" if GOOD else "bad", train_r2, test_r2))
