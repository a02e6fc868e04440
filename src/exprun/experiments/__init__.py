"""Short trainings that decide between causes: simple references on the same data, and one change at a time."""
