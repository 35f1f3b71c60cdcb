"""One file for each format that data come in."""
