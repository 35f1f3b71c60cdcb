"""`python -m variate` is the command `variate`."""

from variate.cli.main import main

main()
