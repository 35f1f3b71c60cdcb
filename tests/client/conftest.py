from small_runs import digits_run, single_precision, table_file, table_run  # noqa: F401
