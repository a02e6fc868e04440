"""What all tests of the doctor share."""

import logging

import pytest


class _Failures(logging.Handler):
    def __init__(self):
        super().__init__(logging.ERROR)
        self.said = []

    def emit(self, record):
        self.said.append(f"{record.getMessage()}: {record.exc_info[1]!r}" if record.exc_info else record.getMessage())


@pytest.fixture(autouse=True)
def failures():
    """What the doctor logs of checks that failed: a test fails with them, unless it takes them out."""
    handler = _Failures()
    logging.getLogger("exprun.doctor").addHandler(handler)
    yield handler.said
    logging.getLogger("exprun.doctor").removeHandler(handler)
    assert handler.said == []
