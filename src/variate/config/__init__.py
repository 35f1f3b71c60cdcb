"""The recipe of a model and its run, and what `auto` means."""
