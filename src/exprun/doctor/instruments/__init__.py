"""What checks measure with: passes through a network, the kind of labels and losses, classifiers, fingerprints."""
