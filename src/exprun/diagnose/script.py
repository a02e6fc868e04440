"""Run a script as `python SCRIPT` would, with the doctor beside it.

Only the standard library is imported before the script imports Keras: a script may set environment variables that
NumPy and TensorFlow read when they are imported, and its results must not change.
"""

import contextlib
import json
import os
import runpy
import signal
import sys
import threading
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from exprun.diagnose.after_import import AfterImport
from exprun.diagnose.ending import Enough


class _Terminated(BaseException):
    """SIGTERM has arrived."""


def main() -> None:
    """Run the script, print the report, and end with the exit code of the script."""
    options, target, start = json.loads(sys.argv[1]), sys.argv[2], Path.cwd()
    sys.argv = [target, *sys.argv[3:]]
    # The rest is imported with Keras.
    observed: list[Any] = []

    def observe(keras: ModuleType) -> None:
        from exprun.diagnose.observation import Observation

        observed.append(Observation(keras, options, Path(target), start))

    if "keras" in sys.modules:
        observe(sys.modules["keras"])
    else:
        sys.meta_path.insert(0, AfterImport(observe))
    own = os.getpid()

    signal.signal(signal.SIGTERM, _terminate)
    # A child that is forked ends as it would alone: Python forgets signals that reach it before its handler can run.
    os.register_at_fork(before=_unhandle, after_in_parent=_handle)
    code, killed = 0, None  # the signal that ended the script
    try:
        _run_module(target) if options["module"] else _run_file(target)
        for thread in _threads():  # the interpreter would wait for them, too
            thread.join()
    except SystemExit as error:
        code = _exit_code(error)
    except Enough:
        pass
    except _Terminated:
        killed = signal.SIGTERM
    except KeyboardInterrupt as error:
        killed = signal.SIGINT
        _print_traceback(error)
    except BaseException as error:
        code = 1
        _print_traceback(error)
        if observed:
            observed[0].error = error
    if os.getpid() != own:  # a process that the script has forked, which has no report
        sys.exit(code)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
    serious = False
    if observed:
        try:
            serious = observed[0].report(proves=killed is not signal.SIGTERM)
        except Exception as error:  # the exit code of the script must not be lost
            print(f"diagnose: the report could not be made: {error!r}", file=sys.stderr)
    else:
        print(f"diagnose: {target} has ended without importing Keras, so there was nothing to watch.", file=sys.stderr)
    if killed is not None:  # so that its parent sees what it would see without the doctor
        signal.signal(killed, signal.SIG_DFL)
        os.kill(os.getpid(), killed)
    sys.exit(code or int(options["strict"] and serious))


def _terminate(number: int, frame: FrameType | None) -> None:
    raise _Terminated


def _unhandle() -> None:
    """Leave SIGTERM to the system, unless the script handles it."""
    if signal.getsignal(signal.SIGTERM) is _terminate:
        with contextlib.suppress(ValueError):  # only the main thread may
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            _waiting.append(True)


def _handle() -> None:
    """Handle SIGTERM again after `_unhandle`."""
    if _waiting:
        _waiting.pop()
        signal.signal(signal.SIGTERM, _terminate)


_waiting: list[bool] = []  # whether SIGTERM was left to the system for a fork


def _threads() -> list[threading.Thread]:
    """The threads that keep an interpreter alive, without the workers of thread pools, which its end stops."""
    workers = getattr(sys.modules.get("concurrent.futures.thread"), "_threads_queues", ())
    others = [thread for thread in threading.enumerate() if thread is not threading.current_thread()]
    return [thread for thread in others if not thread.daemon and thread not in workers]


def _run_file(target: str) -> None:
    """Execute a file as the module `__main__`, with the search path that Python would give it."""
    path = os.path.abspath(target)
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = os.path.dirname(os.path.realpath(path))
    module = ModuleType("__main__")
    vars(module).update(__file__=path, __builtins__=__builtins__, __cached__=None)
    sys.modules["__main__"] = module
    code = compile(Path(path).read_bytes(), path, "exec", dont_inherit=True)
    exec(code, vars(module))


def _run_module(name: str) -> None:
    """Execute a module as `python -m NAME` would."""
    runpy.run_module(name, run_name="__main__", alter_sys=True)


def _exit_code(error: SystemExit) -> int:
    if error.code is None or isinstance(error.code, int):
        return error.code or 0
    print(error.code, file=sys.stderr)
    return 1


def _print_traceback(error: BaseException) -> None:
    """Print the traceback of an exception without the frames of this module."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    sys.excepthook(type(error), error.with_traceback(trace), trace)
