from small_runs import table_file, table_run  # noqa: F401
