"""The trainer room: devices, the compiled step, the loop, checkpoints. Knows no listener."""
