"""`python -m exprun.doctor.keras OPTIONS SCRIPT …`: run a script with the doctor beside it."""

from exprun.doctor.keras.script import main

if __name__ == "__main__":
    main()
