"""The command line as ``python -m selectdis``."""

from selectdis.cli import main

if __name__ == "__main__":
    main()
