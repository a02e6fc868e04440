"""
SOURCE: GitHub rodrigo2019/keras_yolo2#19 ("BGR or RGB in train vs predict"; confirmed as a bug by the maintainer, 2020-03-02)
SAW: the detector's training loss is low, but the boxes found by predict() on pictures read with cv2 are wrong.
CAUSE: the training generator turns the BGR of cv2 into RGB (image[..., ::-1]), the prediction path does not.
FIX: the same channel reversal before prediction.
"""
import sys
import numpy as np
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(12)
rng = np.random.RandomState(12)
S, CELLS = 32, 4


def imread(_):
    """BGR picture of a court: one orange ball to be found, one blue ball as a distractor"""
    a = np.zeros((S, S, 3)) + rng.uniform(80, 120) + rng.normal(0, 8, (S, S, 3))
    yy, xx = np.mgrid[0:S, 0:S]
    while True:
        c = rng.uniform(4, S - 4, (2, 2))
        if np.hypot(*(c[0] - c[1])) > 10:
            break
    a[np.hypot(yy - c[0, 0], xx - c[0, 1]) < 3.5] = (40, 120, 230)
    a[np.hypot(yy - c[1, 0], xx - c[1, 1]) < 3.5] = (230, 120, 40)
    return np.clip(a, 0, 255).astype("uint8"), c[0]


def normalize(image):
    return image.astype("float32") / 255.0


class BatchGenerator(keras.utils.PyDataset):
    def __init__(self, records, batch_size):
        super().__init__()
        self.records, self.batch_size = records, batch_size

    def __len__(self):
        return len(self.records) // self.batch_size

    def __getitem__(self, k):
        part = self.records[k * self.batch_size:(k + 1) * self.batch_size]
        x = np.zeros((len(part), S, S, 3), "float32")
        y = np.zeros((len(part), CELLS, CELLS, 1), "float32")
        for i, (image, centre) in enumerate(part):
            image = image[..., ::-1]
            x[i] = normalize(image)
            r, c = (centre // (S // CELLS)).astype(int)
            y[i, r, c, 0] = 1
        return x, y


train = [imread(i) for i in range(800)]
test = [imread(i) for i in range(200)]

inp = keras.Input((S, S, 3))
t = inp
for f in (16, 32, 32):
    t = layers.Conv2D(f, 3, padding="same")(t)
    t = layers.LeakyReLU(negative_slope=0.1)(t)
    t = layers.MaxPooling2D()(t)
out = layers.Conv2D(1, 3, padding="same", activation="sigmoid")(t)
yolo = keras.Model(inp, out)
yolo.compile(keras.optimizers.Adam(2e-3), "binary_crossentropy")
yolo.fit(BatchGenerator(train, 32), epochs=12, verbose=2)


def predict(image):
    if GOOD:
        image = image[..., ::-1]
    grid = yolo(normalize(image)[None], training=False).numpy()[0, ..., 0]
    return np.array(np.unravel_index(grid.argmax(), grid.shape))


def hits(records):
    return np.mean([(predict(im) == (c // (S // CELLS)).astype(int)).all() for im, c in records])


x, y = BatchGenerator(train, 400)[0]
fit_hits = (yolo.predict(x, verbose=0).reshape(400, -1).argmax(1) == y.reshape(400, -1).argmax(1)).mean()
print("RESULT %s train=%.3f val=%.3f (ball in the right cell: generator / predict)" % (sys.argv[1], fit_hits, hits(test)))
