"""Sweeps: which runs they consist of, where their files are, and how the runs are started."""
