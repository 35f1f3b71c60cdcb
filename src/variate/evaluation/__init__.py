"""Evaluation: how good a model is, and where the distance between its bounds and log p(x) comes from."""
