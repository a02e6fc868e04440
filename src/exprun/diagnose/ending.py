"""How a script is ended early."""


class Enough(BaseException):
    """Ends a script, because an option limits its time or its steps."""
