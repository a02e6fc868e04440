"""The largest batch that fits into memory, and the speed of training against the batch size."""
