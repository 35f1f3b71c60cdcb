"""A served model from Python, as if it were here: `variate.connect`."""
