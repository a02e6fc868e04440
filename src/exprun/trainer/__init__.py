"""The training of a run: devices, the compiled step, the loop and checkpoints; it imports none of the listeners."""
