"""How probable the model makes rows: bounds on log p(x)."""
