"""`python -m exprun`."""

import sys

from exprun.cli import main

if __name__ == "__main__":
    sys.exit(main())
