"""The settings of a run, and how a config is composed and checked; TensorFlow and MLflow are not imported here."""
