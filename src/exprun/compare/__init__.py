"""The command `compare`: report which setting is better, with intervals over seeds, and what makes it unfair."""
