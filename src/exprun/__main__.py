"""`python -m exprun`."""

import sys

from exprun import warm


def main() -> int:
    """Run the command line of this process, in the warm server if there is one; returns the exit code."""
    code = warm.run(sys.argv)
    if code is None:
        from exprun.cli import main as run_here

        code = run_here()
    return code


if __name__ == "__main__":
    sys.exit(main())
