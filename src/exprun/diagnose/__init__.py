"""Any Keras script, run as it is and watched: what is wrong, in which line, and what proves it."""
