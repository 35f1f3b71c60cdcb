"""What is shown to people and to other programs.

A report is data (`variate.reports.report`): numbers with units and standard errors, findings, tables, pictures and
sentences. It is made from a result (`evaluation`, `diagnosis`) and rendered by a module for each medium (`terminal`,
`json`), which computes nothing. Rows of a model are written to files by `rows`, as grids of images by `pictures`.
"""
