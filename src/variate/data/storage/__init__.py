"""Where rows are: in memory, in memory-mapped arrays, in Parquet files, behind one interface."""
