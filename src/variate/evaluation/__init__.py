"""How good a model is, and why it is not better."""
