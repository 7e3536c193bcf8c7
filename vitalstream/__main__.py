"""`python -m vitalstream` is the console script."""

from vitalstream.cli import main

main()
