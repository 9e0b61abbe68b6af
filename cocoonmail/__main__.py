"""`python -m cocoonmail` is the same as the `cocoonmail` command."""

from cocoonmail.cli import main

main()
