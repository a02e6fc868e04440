"""The doctor of a Keras script: the callback, and what it takes to read batches without changing the training."""
