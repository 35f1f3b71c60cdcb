"""`python -m variate` is the command `variate`."""

from variate.cli import main

main()
