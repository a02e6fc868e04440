"""Results, findings and comparisons in a notebook: small tables, in which names are text."""

import pytest

from compare.fake_runs import write_run
from exprun import RunResult
from exprun.compare.analysis import analyse
from exprun.compare.selection import select
from exprun.config.errors import RunError
from exprun.doctor import Finding
from exprun.doctor.causes import CHAIN

HOSTILE = "<script>x</script>"
SAFE = "&lt;script&gt;x&lt;/script&gt;"


def test_a_result_is_a_table_of_its_metrics(tmp_path):
    metrics = {
        "val/loss": 0.25,
        "val/best_loss": 0.125,
        "test/loss": 0.5,
        "test/balanced_accuracy": 0.75,
        "test/recall/cat": 1.0,
        "val/best_epoch": 3.0,
    }
    result = RunResult("FAILED", HOSTILE, metrics, [], tmp_path)
    text = result._repr_html_()
    assert HOSTILE not in text
    assert f"FAILED: {SAFE}" in text
    row = "".join(f'<td style="text-align:right">{value}</td>' for value in ("0.25", "0.125", "0.5"))
    assert f'<tr><td style="text-align:left">loss</td>{row}</tr>' in text
    assert "balanced accuracy" in text
    assert text.count("<tr>") == 3  # neither classes nor the epoch
    assert repr(result).startswith("RunResult(status='FAILED'")
    with pytest.raises(RunError, match="has no page"):
        result.show()


def test_a_finding_is_its_evidence_and_remedy():
    assert "dead-relu" in {module.CAUSE.id for module in CHAIN}
    finding = Finding("dead-relu", "error", HOSTILE, "97% of its units are zero.", overrides=("norm=batch",))
    text = finding._repr_html_()
    assert text.startswith(f"<p><b>[dead-relu] error, {SAFE}</b></p>")
    assert "Try norm=batch." in text
    assert HOSTILE not in text


def test_a_comparison_is_a_table_of_its_arms(tmp_path):
    for norm, gain in (("none", 0.0), (HOSTILE, 0.1)):
        for seed in (0, 1, 2):
            write_run(tmp_path / f"{gain}{seed}", 0.7 + gain + 0.01 * seed, seed=seed, norm__name=norm)
    text = analyse(select([str(tmp_path)]))._repr_html_()
    assert HOSTILE not in text
    assert SAFE in text
    assert '<td style="text-align:right">81</td>' in text  # the mean
    assert "95 % interval" in text
    assert text.index("<b>val/accuracy</b>") < text.index("<table>") < text.index("mean, %")
