"""What is done with a trained model: functions of a `Run` that give rows, for the command line and for other faces.

A new task is one file here, with a function `task(run, data=None, *, options...)` that returns its rows and what a face
needs to say about them. It reads the data through the run before it uses the model, so that data are refused before
torch is loaded; it prints and writes nothing. To make it a command, add a file in `variate.cli` with a dataclass whose
fields are the options and whose `__call__` calls the task and writes its rows, and a line in
`variate.cli.main.COMMANDS`.
"""
