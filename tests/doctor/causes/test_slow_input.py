"""slow-input: steps that wait for their images."""

import pytest

from doctor.contexts import found
from doctor.histories import TEN, training
from exprun.doctor.cause import Phase
from exprun.doctor.causes import slow_input
from exprun.doctor.history import History


@pytest.mark.parametrize(("share", "calls", "severities"), [(0.3, 40, []), (0.8, 19, []), (0.8, 20, ["note"])])
def test_waiting_for_images_most_of_the_time_is_a_note(share, calls, severities):
    history = History(TEN, 400)
    history.waits.extend([share] * calls)
    assert [f.severity for f in found(slow_input, training(Phase.WAIT, history, calls))] == severities
