"""Tracking: the record of a run on disk, and its copy in MLflow."""
