"""The page of a run: what it learned, on which images it fails and why, and where its time went."""
