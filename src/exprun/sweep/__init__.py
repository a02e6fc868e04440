"""Sweeps: which runs they consist of, where they lie, and how they are run."""
