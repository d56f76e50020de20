"""A small model from a few labelled scans: good masks made wrong on purpose, and a network that tells how
wrong."""
