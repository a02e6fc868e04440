"""
SOURCE: michalfaber/keras_Realtime_Multi-Person_Pose_Estimation#8 ("How to generate ground truth"), comment of liu6381810
(2017-10-24), https://github.com/michalfaber/keras_Realtime_Multi-Person_Pose_Estimation/issues/8; the loss named there is
the one the repository uses now (found in its copies).
SAW: the training of the pose net in Keras, with the learning rate of the original, does not get anywhere near the
original; the loss is tiny (0 to 10) where the original begins with thousands.
CAUSE: the Keras mse is a mean over all pixels of the maps, while the Euclidean loss of the original is the sum over them
(divided by the batch size only), so with the original's rate of 4e-5 the steps are smaller by a factor of thousands.
FIX: the Euclidean loss: sum of the squares / batch size / 2.
(A smaller net on drawn stick figures, two stages, SGD with momentum 0.9 and 4e-5 as there.)
"""
import sys
import numpy as np
import keras
from keras import layers, ops

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(17)
S, OUT, JOINTS, BATCH = 64, 32, 3, 4
BASE_LR, MOMENTUM = 4e-5, 0.9


def figure(rng):
    """Head (disc), hand (square) and foot (cross) joined by lines; the maps are Gaussians and a last one for the background."""
    yy, xx = np.mgrid[0:S, 0:S]
    img = np.ones((S, S, 3)) * rng.uniform(60, 110) + rng.normal(0, 8, (S, S, 3))
    head = np.array([rng.uniform(20, 44), rng.uniform(9, 18)])
    hand = head + [rng.choice([-1, 1]) * rng.uniform(9, 14), rng.uniform(12, 20)]
    foot = head + [rng.uniform(-8, 8), rng.uniform(30, 40)]
    for a, b in ((head, hand), (head, foot)):
        for t in np.linspace(0, 1, 50):
            p = a + t * (b - a)
            img[(xx - p[0]) ** 2 + (yy - p[1]) ** 2 < 2] = [150, 150, 160]
    img[(xx - head[0]) ** 2 + (yy - head[1]) ** 2 < 20] = [220, 170, 140]
    img[(abs(xx - hand[0]) < 3.5) & (abs(yy - hand[1]) < 3.5)] = [90, 200, 120]
    u, v = abs(xx - foot[0]), abs(yy - foot[1])
    img[((u < 1.6) | (v < 1.6)) & (u < 5) & (v < 5)] = [90, 110, 220]
    joints = np.array([head, hand, foot]) * OUT / S
    gy, gx = np.mgrid[0:OUT, 0:OUT] + 0.5
    maps = np.exp(-((gx[..., None] - joints[:, 0]) ** 2 + (gy[..., None] - joints[:, 1]) ** 2) / (2 * 1.8 ** 2))
    maps = np.concatenate([maps, 1 - maps.max(-1, keepdims=True)], -1)
    return np.clip(img, 0, 255) / 256 - 0.5, maps, joints


def make(n, seed):
    rng = np.random.default_rng(seed)
    return tuple(np.array(a).astype("float32") for a in zip(*[figure(rng) for _ in range(n)]))


def eucl_loss(y_true, y_pred):
    return ops.sum(ops.square(y_true - y_pred)) / BATCH / 2


def pose_net():
    conv = lambda f, k=3, act="relu": layers.Conv2D(f, k, padding="same", activation=act, kernel_initializer="he_normal")
    inp = layers.Input((S, S, 3))
    x = conv(16)(conv(16)(inp))
    feat = conv(32)(conv(32)(layers.MaxPooling2D()(x)))
    s1 = layers.Conv2D(JOINTS + 1, 1, name="stage1", kernel_initializer=keras.initializers.RandomNormal(stddev=0.01))(conv(32)(feat))
    x = layers.Concatenate()([feat, s1])
    s2 = layers.Conv2D(JOINTS + 1, 1, name="stage2", kernel_initializer=keras.initializers.RandomNormal(stddev=0.01))(conv(32)(conv(32)(x)))
    return keras.Model(inp, {"stage1": s1, "stage2": s2})


def joints_found(model, x, joints):
    p = model.predict(x, verbose=0)["stage2"][..., :JOINTS]
    k = p.reshape(len(x), -1, JOINTS).argmax(1)
    xy = np.stack([k % OUT, k // OUT], -1) + 0.5
    return float(((np.linalg.norm(xy - joints, axis=-1) < 2.5) & (p.max((1, 2)) > 0.1)).mean())      # peaks under 0.1 are no joints


x_tr, m_tr, j_tr = make(240, 1)
x_va, m_va, j_va = make(64, 2)
model = pose_net()
loss = eucl_loss if GOOD else "mse"
model.compile(optimizer=keras.optimizers.SGD(BASE_LR, momentum=MOMENTUM), loss={"stage1": loss, "stage2": loss})
model.fit(x_tr, {"stage1": m_tr, "stage2": m_tr}, batch_size=BATCH, epochs=13, verbose=2,
          validation_data=(x_va, {"stage1": m_va, "stage2": m_va}))
print(f"RESULT {sys.argv[1]} train={joints_found(model, x_tr, j_tr):.3f} val={joints_found(model, x_va, j_va):.3f} (joints found)")
