"""`python -m exprun.diagnose OPTIONS SCRIPT …`: run a script, watched; the command `diagnose` starts this."""

from exprun.diagnose.script import main

if __name__ == "__main__":
    main()
