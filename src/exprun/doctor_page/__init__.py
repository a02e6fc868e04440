"""The doctor's findings as a page: each with the picture that proves it, for `check`, `Doctor(page=)` and `diagnose`."""
