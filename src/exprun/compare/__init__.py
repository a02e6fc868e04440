"""The command `compare`: which setting is better, with intervals over seeds, and whether the comparison is fair."""
