"""What can be set, and how a config is composed and checked. Imports nothing heavy."""
