"""The house: which module may import which."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import exprun

SOURCE = Path(exprun.__file__).parent
# From the ground up; a module imports its own tier and those below, the lowest tier only itself. A package stands for
# all its modules.
TIERS = (
    (
        "version",
        "files",
        "signals",
        "metrics",
        "classification",
        "text",
        "sparkline",
        "terminal_images",
        "small_plot",
        "markdown",
        "pages",
        "asha",
        "seed_statistics",
        "guard",
        "garbage",
        "warm",
    ),
    ("config",),
    ("locks", "journal_rows", "run_result", "run_folder", "outputs", "records", "backend", "logs"),
    (
        "data",
        "input",
        "augment",
        "init",
        "norm",
        "optim",
        "loss",
        "schedule",
        "adversary",
        "fault",
        "model",
        "kernels",
        "inference",
    ),
    ("network_interface", "doctor"),
    ("doctor_page",),
    ("experiments",),
    ("trainer",),
    ("session", "assembly"),
    ("label_chance", "tracking", "console", "remedies", "run_doctor", "run_page", "times"),
    ("preflight", "run_end", "runner", "attempt"),
    (
        "check",
        "range_test",
        "batch_size",
        "finished_page",
        "label_noise",
        "check_page",
        "export",
        "formats",
        "predict",
        "serving",
        "evaluate",
        "runs",
        "runs_data",
        "deletion",
        "compare",
        "diagnose",
        "explain",
        "preview",
        "sweep",
    ),
    ("commands",),
    ("cli", "warm_server", "__main__", ""),
)
# The doctor works on any Keras model: it knows thresholds and files, but no run, no data set, no tracking.
DOCTOR_MAY = ("exprun.doctor", "exprun.config", "exprun.files", "exprun.text", "exprun.markdown")


DOOR = "exprun.doctor"  # the package itself hands people its callback, which may need experiments


@cache
def imports():
    """The modules of exprun that each of its modules imports, anywhere in it: lazily, and for types."""
    files = {_name(path): path for path in SOURCE.rglob("*.py")}
    found = {}
    for module, path in files.items():
        used = set()
        for node in ast.walk(ast.parse(path.read_text())):
            assert not getattr(node, "level", 0), f"{module} imports by a relative name, which is not followed here"
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "exprun":
                names = {f"{node.module}.{alias.name}" for alias in node.names}
                used |= {name if name in files else node.module for name in names}
            elif isinstance(node, ast.Import):
                used |= {alias.name for alias in node.names if alias.name in files}
        found[module] = used - {module, *(("exprun.experiments.callback",) if module == DOOR else ())}
    return found


def _name(path):
    parts = ("exprun", *path.relative_to(SOURCE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _tier(module):
    room = [*module.split("."), ""][1]
    return next(number for number, rooms in enumerate(TIERS) if room in rooms)


def test_every_module_has_a_tier_and_imports_none_above_it():
    up = [(a, b) for a, used in imports().items() for b in used if _tier(b) > _tier(a)]
    assert not up, up


def test_no_module_imports_itself_by_way_of_others():
    graph = {module: set(used) for module, used in imports().items()}
    while free := [module for module, used in graph.items() if not used & graph.keys()]:
        for module in free:
            del graph[module]
    assert not graph, graph


def test_the_doctor_knows_no_run():
    used = {b for a, found in imports().items() if _is_in(a, "exprun.doctor") for b in found}
    assert all(any(_is_in(module, room) for room in DOCTOR_MAY) for module in used), used


def _is_in(module, room):
    return module == room or module.startswith(f"{room}.")


def test_a_config_is_checked_without_numpy_and_http():
    program = "import sys, exprun.preflight; print({'numpy', 'http.client', 'psutil', 'PIL'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
