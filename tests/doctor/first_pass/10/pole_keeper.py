"""
SOURCE: https://github.com/adventuresinML/adventures-in-ml-code/pull/29 ("Bugfix policy gradient
reinforce tf2", with issues #26 "Policy Gradient REINFORCE algorithm not converging", #27, #28).
Description of the pull request and of #26 seen. The pole is written out here in numpy, several games
are played side by side, and the cross entropy is written by hand.
SEEN: the reward does not grow, even after 5000 episodes the pole is kept for about 10 steps only.
CAUSE: the network is trained with train_on_batch(states, discounted_rewards): the returns stand in
the place of the targets, and which action was taken does not occur in the loss at all.
FIX: the actions, one-hot, as the targets, and the discounted returns as sample_weight.
"""
import sys
import numpy as np
import tensorflow as tf
import keras

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)
GAMES, MAX_STEPS, GAMMA = 12, 200, 0.97


class Poles:
    def __init__(self, n):
        self.s = rng.uniform(-0.05, 0.05, (n, 4))

    def step(self, a):
        x, v, th, w = self.s.T
        force = np.where(a == 1, 10.0, -10.0)
        c, s = np.cos(th), np.sin(th)
        tmp = (force + 0.05 * w ** 2 * s) / 1.1
        acc = (9.8 * s - c * tmp) / (0.5 * (4 / 3 - 0.1 * c ** 2 / 1.1))
        xacc = tmp - 0.05 * acc * c / 1.1
        self.s = np.stack([x + 0.02 * v, v + 0.02 * xacc, th + 0.02 * w, w + 0.02 * acc], 1)
        return (np.abs(self.s[:, 0]) > 2.4) | (np.abs(self.s[:, 2]) > 0.2095)


network = keras.Sequential([
    keras.Input((4,)),
    keras.layers.Dense(30, activation="relu", kernel_initializer="he_normal"),
    keras.layers.Dense(30, activation="relu", kernel_initializer="he_normal"),
    keras.layers.Dense(2, activation="softmax"),
])


def cross_entropy(y_true, y_pred):
    return -tf.reduce_sum(y_true * tf.math.log(y_pred + 1e-7), axis=-1)


network.compile(loss=cross_entropy, optimizer=keras.optimizers.Adam(0.01))


@tf.function(reduce_retracing=True)
def probabilities(s):
    return network(s)


def play(n):
    env = Poles(n)
    alive = np.ones(n, bool)
    states, actions, games = [], [], []
    lengths = np.zeros(n, int)
    for t in range(MAX_STEPS):
        p = probabilities(tf.constant(env.s.astype("float32"))).numpy()
        a = (rng.random(n) < p[:, 1]).astype(int)
        idx = np.where(alive)[0]
        states.append(env.s[idx]); actions.append(a[idx]); games.append(idx)
        lengths[idx] += 1
        alive &= ~env.step(a)
        if not alive.any():
            break
    return np.concatenate(states), np.concatenate(actions), np.concatenate(games), lengths


history = []
for update in range(80):
    states, actions, games, lengths = play(GAMES)
    returns = np.zeros(len(states), "float32")
    for g in range(GAMES):
        where = np.where(games == g)[0]
        total = 0.0
        for i in where[::-1]:
            total = 1.0 + GAMMA * total
            returns[i] = total
    returns = (returns - returns.mean()) / (returns.std() + 1e-6)
    if GOOD:
        one_hot = np.eye(2, dtype="float32")[actions]
        loss = network.train_on_batch(states.astype("float32"), one_hot, sample_weight=returns)
    else:
        loss = network.train_on_batch(states.astype("float32"), returns.reshape(-1, 1))
    history.append(lengths.mean())
    if update % 10 == 9:
        print("update", update + 1, "reward", round(float(np.mean(history[-10:])), 1), "loss", loss)

a = np.mean(history[-10:])
b = play(30)[3].mean()
print(f"RESULT {sys.argv[1]} train={a:.1f} val={b:.1f}")
