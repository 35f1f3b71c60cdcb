"""Readers: one module per file format. `variate.data.readers.sources` says how to add one."""
