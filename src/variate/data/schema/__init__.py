"""What the values of data are."""
