"""Moves in latent space: where rows lie, paths between them, what a latent does, groups of rows, and rows nearby."""
