"""The command `explain`: which change makes a config learn, measured by short runs that differ only in that change."""
