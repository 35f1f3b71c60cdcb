"""Probes: what embeddings are good for, and whether they are the same whatever the seed of the training."""
