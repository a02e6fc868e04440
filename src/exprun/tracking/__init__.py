"""The tracking room: what is kept of a run, on disk and in MLflow."""
