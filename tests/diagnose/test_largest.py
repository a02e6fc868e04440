"""Where the outputs of a call go to `argmax`."""

import pytest

from exprun.diagnose.largest import goes_to_argmax

ASSIGNED = "p = model.predict(x)\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("c = np.argmax(model.predict(x), axis=1)", True),
        ("c = model.predict(x).argmax(-1)", True),
        (ASSIGNED + "c = np.argmax(p, 1)", True),
        (ASSIGNED + "c = tf.argmax(p, axis=-1)", True),
        (ASSIGNED + "c = p.argmax(axis=-1)", True),
        (ASSIGNED + "c = [np.argmax(row) for row in p]", True),
        (ASSIGNED + "for row in p:\n    print(row.argmax())", True),
        (ASSIGNED + "c = argmax(p[0])", True),
        (ASSIGNED + "best = np.argmax(p)", False),  # which row has the largest output
        ("c = np.argmax(model.predict(x), axis=0)", False),
        ("c = np.argmax(model.predict(x)[:, 0])", False),
        (ASSIGNED + "c = p[:, 0].argmax()", False),
        ("p = np.hstack([1 - model.predict(x), model.predict(x)]); c = p.argmax(1)", False),  # two columns
        ("c = np.argmax(np.array(model.predict(x)), 1)", True),
        ("c = model(x).numpy().argmax(1)", True),
        (ASSIGNED + "c = np.argmax(y_test, axis=1)", False),
        (ASSIGNED + "c = (p > 0.5).astype(int)", False),
        (ASSIGNED + "def other(p):\n    return np.argmax(p, axis=1)", False),
        ("%matplotlib inline", False),
    ],
)
def test_outputs_for_each_row(tmp_path, text, expected):
    script = tmp_path / "script.py"
    script.write_text(text)
    assert goes_to_argmax(str(script), 1) == expected
