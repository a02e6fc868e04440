"""Source: keras-team/keras#5733 ("Custom loss always returns NaN and I don't see why"), question seen; the answer was not
in the text found, the cause is what the code in the question shows and was checked by running.

What the person saw: the actor of a naive actor critic (softmax over two actions, train_on_batch with a batch of one) has loss
nan from the start, although the same loss computed with numpy gives a sensible number and the critic trains well.

CAUSE: the loss function has its parameters as (y_pred, y_true), but Keras calls it with (y_true, y_pred), so the logarithm is
taken of the target, which is 0 for the action not taken.
FIX: def policy_loss(y_true, y_pred).
(The game is a small one of my own: of two gates one is open, which one can be told from the four numbers of the state.)
"""
import sys
import numpy as np
import keras
from keras import layers, ops

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(11)
rng = np.random.default_rng(11)

STATE, ACTIONS = 4, 2
hidden_rule = np.array([1.0, -1.2, 0.7, 0.4])


class Gates:
    """One step episodes: choose the open gate and get 1, else 0."""

    def reset(self):
        self.state = rng.normal(size=STATE).astype("float32")
        return self.state

    def step(self, action):
        open_gate = int(self.state @ hidden_rule > 0)
        return 1.0 if action == open_gate else 0.0


if GOOD:
    def policy_loss(y_true, y_pred):
        return -ops.sum(ops.log(y_pred) * y_true, axis=-1)
else:
    def policy_loss(y_pred, y_true):
        return -ops.sum(ops.log(y_pred) * y_true, axis=-1)

actor = keras.Sequential([
    layers.Input((STATE,)),
    layers.Dense(24, activation="relu"),
    layers.Dense(ACTIONS, activation="softmax"),
])
actor.compile(optimizer=keras.optimizers.Adam(0.003), loss=policy_loss)

critic = keras.Sequential([
    layers.Input((STATE,)),
    layers.Dense(24, activation="relu"),
    layers.Dense(1),
])
critic.compile(optimizer=keras.optimizers.Adam(0.003), loss="mse")

env = Gates()
rewards, actor_losses, critic_losses = [], [], []
for episode in range(1500):
    state = env.reset()[None]
    policy = np.asarray(actor(state))[0]
    action = 0 if np.isnan(policy).any() else int(rng.random() < policy[1])
    reward = env.step(action)
    value = float(np.asarray(critic(state))[0, 0])

    baseline = np.zeros((1, ACTIONS), "float32")
    baseline[0, action] = reward - value
    actor_losses.append(float(actor.train_on_batch(state, baseline)))
    critic_losses.append(float(critic.train_on_batch(state, np.array([[reward]], "float32"))))
    rewards.append(reward)
    if episode % 250 == 249:
        print(f"episode {episode + 1}: reward {np.mean(rewards[-250:]):.3f} actor loss {actor_losses[-1]:.4f} "
              f"critic loss {np.mean(critic_losses[-250:]):.4f}")


def play(n):
    won = 0
    states = np.stack([env.reset() for _ in range(n)])
    p = actor.predict(states, verbose=0)
    for s, q in zip(states, p):
        env.state = s
        won += env.step(int(np.argmax(q)))
    return won / n


print(f"RESULT {sys.argv[1]} train={np.mean(rewards[-250:]):.3f} val={play(500):.3f} (reward per game; 0.5 is chance)")
