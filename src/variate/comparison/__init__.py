"""Whether a synthetic table is good, and whether it is a copy.

`compare` (in `compare.py`) reads two tables and measures how they differ: `marginals` column by column, `pairs` for two
columns at a time, `detection` for all columns together, `utility` for a model of one column. `copies` and `membership`
ask how much of the real table is in the synthetic one, and in the model that drew it.

A distance between two samples of one distribution is not 0. So each comes with a yardstick: the same distance between
two halves of the real table, or a standard error.
"""
