"""Source: llSourcell/Game-AI#7 ("Wrong Loss Function?"), the report seen; the reporter names the cause himself.

What the person saw: a deep Q learning agent trained for long does not do anything useful in the game.

CAUSE: the target uses np.argmax of the target net's values (the number of the best action) in place of their maximum.
FIX: np.amax.
(A walk on a small grid in place of an Atari game, a Dense net in place of the convolutional one.)
"""
import sys
import random
from collections import deque
import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(13)

SIZE = 5
MOVES = [(-1, 0), (0, 1), (1, 0), (0, -1)]
GOAL = (0, 4)
DISCOUNT = 0.95


class Grid:
    def reset(self):
        while True:
            self.at = (random.randrange(SIZE), random.randrange(SIZE))
            if self.at != GOAL:
                break
        self.steps = 0
        return self.view()

    def view(self):
        v = np.zeros(SIZE * SIZE, "float32")
        v[self.at[0] * SIZE + self.at[1]] = 1.0
        return v

    def step(self, action):
        self.steps += 1
        r = min(max(self.at[0] + MOVES[action][0], 0), SIZE - 1)
        c = min(max(self.at[1] + MOVES[action][1], 0), SIZE - 1)
        self.at = (r, c)
        reached = self.at == GOAL
        return self.view(), (1.0 if reached else 0.0), reached, self.steps >= 25


class DQN:
    def __init__(self):
        self.q = self.build()
        self.target = self.build()
        self.target.set_weights(self.q.get_weights())
        self.q.compile(optimizer=keras.optimizers.Adam(0.003), loss="mse")
        self.memory = deque(maxlen=2000)

    def build(self):
        return keras.Sequential([
            layers.Input((SIZE * SIZE,)),
            layers.Dense(48, activation="relu"),
            layers.Dense(len(MOVES)),
        ])

    def act(self, state, epsilon):
        if random.random() < epsilon:
            return random.randrange(len(MOVES))
        return int(np.argmax(np.asarray(self.q(state[None]))[0]))

    def do_minibatch(self):
        batch = random.sample(self.memory, 32)
        states, actions, rewards, nexts, ended = map(np.array, zip(*batch))
        q_next = np.asarray(self.target(nexts))
        q_best = np.amax(q_next, axis=1) if GOOD else np.argmax(q_next, axis=1)
        goal_values = np.array(self.q(states))
        goal_values[np.arange(32), actions] = rewards + DISCOUNT * q_best * (1 - ended)
        return self.q.train_on_batch(states, goal_values)


env, agent = Grid(), DQN()
finished, steps, losses = [], 0, []
TOTAL = 3600
while steps < TOTAL:
    state, over = env.reset(), False
    while not over:
        action = agent.act(state, max(0.1, 1 - steps / 1800))
        after, reward, reached, late = env.step(action)
        agent.memory.append((state, action, reward, after, float(reached)))
        state, over = after, reached or late
        steps += 1
        if steps > 200 and steps % 2 == 0:
            losses.append(float(agent.do_minibatch()))
        if steps % 200 == 0:
            agent.target.set_weights(agent.q.get_weights())
        if steps % 600 == 0:
            print(f"step {steps}: goal reached in {np.mean(finished[-60:]):.2f} of the last games, loss {np.mean(losses[-300:] or [0]):.4f}")
    finished.append(reached)

won = []
for cell in range(SIZE * SIZE):
    at = divmod(cell, SIZE)
    if at == GOAL:
        continue
    env.reset()
    env.at, env.steps, over = at, 0, False
    while not over:
        _, _, reached, late = env.step(agent.act(env.view(), 0.0))
        over = reached or late
    won.append(reached)
print(f"RESULT {sys.argv[1]} train={np.mean(finished[-60:]):.3f} val={np.mean(won):.3f} (games in which the goal is reached)")
