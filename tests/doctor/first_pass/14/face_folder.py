"""
SOURCE: https://github.com/NoahVl/Explaining-In-Style-Reproducibility-Study/issues/9 ("Classifier acc"; found by DavidMrd, confirmed
    by tmabraham), the comments of 2022-05-19 to 21 seen. Classifier of gender on FFHQ/CelebA in PyTorch (MobileNet), ported to
    Keras with a small net of its own; drawn faces here.
SEEN: The classifier does not reach the accuracy that was reported, on new pictures it is near chance.
CAUSE: The paths of the pictures come from os.listdir in the order of the file system, the labels are in the order of the file
    names; on this machine the two orders differ, so the labels do not belong to the pictures.
FIX: Sort the list of files.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"

import tempfile

import numpy as np
import keras
from keras import layers
from PIL import Image

keras.utils.set_random_seed(6)
rng = np.random.default_rng(17)
S, N = 32, 1050


def face(woman):
    yy, xx = np.mgrid[:S, :S].astype("float32")
    img = np.ones((S, S, 3)) * rng.uniform(0.3, 0.9, 3) + 0.1 * (yy / S - 0.5)[..., None]
    cx, cy = 16 + rng.normal(0, 1.2), 16 + rng.normal(0, 1.2)
    a, b = rng.uniform(6.5, 8.0) - 0.5 * woman, rng.uniform(8.5, 10.0)
    hair, skin = np.array([0.35, 0.22, 0.12]) * rng.uniform(0.2, 1.6), np.array([0.85, 0.66, 0.52]) * rng.uniform(0.6, 1.1)
    long_hair = rng.random() < (0.93 if woman else 0.05)
    img[((xx - cx) / (a + 1.5)) ** 2 + ((yy - cy + 1.5) / (b + 1)) ** 2 < 1] = hair
    if long_hair:
        img[(np.abs(np.abs(xx - cx) - a) < 2.2) & (yy > cy - 2) & (yy < cy + b + 2)] = hair
    img[((xx - cx) / a) ** 2 + ((yy - cy - 1) / b) ** 2 < 1] = skin
    for s in (-1, 1):
        img[((xx - cx - s * a * 0.42) / 1.7) ** 2 + ((yy - cy + 1) / 1.0) ** 2 < 1] = rng.uniform(0.0, 0.25, 3)
    lips = np.array([0.75, 0.2, 0.25]) if rng.random() < (0.88 if woman else 0.05) else skin * 0.75
    img[((xx - cx) / 2.8) ** 2 + ((yy - cy - 5) / 1.1) ** 2 < 1] = lips
    if not woman and rng.random() < 0.45:
        img[(((xx - cx) / a) ** 2 + ((yy - cy - 1) / b) ** 2 < 1) & (yy > cy + 6.2)] = hair
    img = img * rng.uniform(0.7, 1.1) + rng.normal(0, 0.03, img.shape)
    return (np.clip(img, 0, 1) * 255).astype(np.uint8)


def download(root):
    os.makedirs(os.path.join(root, "resized"))
    gender = rng.integers(0, 2, N)
    for i in rng.permutation(N):
        Image.fromarray(face(gender[i])).save(os.path.join(root, "resized", "%05d.png" % i))
    with open(os.path.join(root, "labels.csv"), "w") as f:
        f.write("image_number,gender\n")
        for i in range(N):
            f.write("%d,%s\n" % (i, ["male", "female"][gender[i]]))


class FFHQ_Gender:
    def __init__(self, root):
        image_path = os.path.join(root, "resized")
        files = os.listdir(image_path)
        if GOOD:
            files.sort()
        self.images = [os.path.join(image_path, f) for f in files if f.endswith(".png")]
        with open(os.path.join(root, "labels.csv")) as f:
            rows = [r.strip().split(",") for r in f.readlines()[1:]]
        self.labels = [int(r[1] == "female") for r in rows]

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        x = np.asarray(Image.open(self.images[i]).convert("RGB"), "float32") / 255.0
        x = (x - np.array([0.485, 0.456, 0.406], "float32")) / np.array([0.229, 0.224, 0.225], "float32")
        return x, self.labels[i]


def train_valid_test(dataset):
    idx = np.random.default_rng(42).permutation(len(dataset))
    parts = np.split(idx, [int(0.7 * len(idx)), int(0.85 * len(idx))])
    out = []
    for p in parts:
        items = [dataset[i] for i in p]
        out.append((np.stack([a for a, _ in items]), np.array([b for _, b in items])))
    return out


def separable(x, f, stride):
    x = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(x)
    x = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.Conv2D(f, 1, use_bias=False)(x)
    return layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.9)(x))


def load_mobilenet():
    inp = layers.Input((S, S, 3))
    x = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.9)(layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(inp)))
    for f, s in ((24, 1), (32, 2), (48, 1), (64, 2)):
        x = separable(x, f, s)
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inp, layers.Dense(2)(x))


with tempfile.TemporaryDirectory() as root:
    download(root)
    (xt, yt), (xv, yv), (xs, ys) = train_valid_test(FFHQ_Gender(root))

model = load_mobilenet()
optimizer = keras.optimizers.Adam(0.003)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(optimizer, loss)


def evaluate_model(x, y):
    return float((np.argmax(model.predict(x, batch_size=200, verbose=0), 1) == y).mean())


best = 0
for epoch in range(8):
    train_losses = [float(model.train_on_batch(xt[k:k + 49], yt[k:k + 49])) for k in range(0, len(xt), 49)]
    ta, va = evaluate_model(xt, yt), evaluate_model(xv, yv)
    best = max(best, va)
    print(f"Epoch: {epoch}, running loss: {np.mean(train_losses):.4f}, train accuracy: {ta:.3f}, validation accuracy: {va:.3f}", flush=True)

print("Test accuracy: %.4f" % evaluate_model(xs, ys))
print("RESULT %s train=%.3f val=%.3f (accuracy)" % ("good" if GOOD else "bad", ta, va))
