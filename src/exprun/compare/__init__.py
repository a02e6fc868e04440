"""The command `compare`: report which setting is better, with intervals over seeds or folds, and what makes it
unfair."""
