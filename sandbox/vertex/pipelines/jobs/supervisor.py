"""Owns the runners: starts them, at most two at a time, reads what they tell, ends them."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sandbox.services.processes import started_at
from sandbox.vertex.pipelines.jobs.slots import Slots
from sandbox.vertex.pipelines.protocol.events import (
    SLOT,
    Question,
    RunEvent,
    SlotReleased,
    TaskEvent,
    answer_line,
    from_line,
)

LOG = "runner.log"
_LOG = logging.getLogger(__name__)
_PROCESS = "process.json"
_GRACE = 5.0
_REPOSITORY = Path(__file__).parents[4]


@dataclass(frozen=True)
class Listener:
    """Whom a supervisor tells, from threads of its own; each is called with the job's name."""

    on_room: Callable[[str], bool]
    """There is room for it. False: it is not wanted any more."""
    on_start: Callable[[str], bool]
    """May it start now? False: it is not wanted any more."""
    on_event: Callable[[str, TaskEvent | RunEvent], None]
    on_question: Callable[[str, Question], Any]
    on_exit: Callable[[str, int], None]


class Supervisor:
    """Runs jobs, given as a name and a folder with its `job.Job`."""

    def __init__(
        self, listener: Listener, environments: Path, project: str, at_once: int = 2
    ) -> None:
        self._listener = listener
        self._environments = environments
        self._project = project
        self._at_once = at_once
        self._turns = Slots()
        self._lock = threading.Lock()
        self._waiting: deque[tuple[str, Path]] = deque()
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._busy: set[threading.Thread] = set()
        self._closed = False

    def submit(self, name: str, folder: Path) -> bool:
        """Run the job as soon as there is room, after those before it; whether there is some."""
        with self._lock:
            self._waiting.append((name, folder))
            self._fill()
            return not self._waiting

    def end(self, name: str) -> None:
        """Have a running job end, by force if it does not within some seconds. Answers at once.

        Not for a caller that holds anything a listener may want.
        """
        with self._lock:
            process = self._running.get(name)
            if process is not None:
                _end_group(process.pid)
                timer = threading.Timer(_GRACE, self._force, (name, process))
                timer.daemon = True
                timer.start()

    def close(self) -> None:
        """End all running jobs and wait until they are gone; those waiting stay unstarted."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            names = list(self._running)
            threads = list(self._busy)
        for name in names:
            self.end(name)
        for thread in threads:
            thread.join(_GRACE * 2)

    def _fill(self) -> None:
        while self._waiting and len(self._busy) < self._at_once and not self._closed:
            name, folder = self._waiting.popleft()
            if not self._listener.on_room(name):
                continue
            thread = threading.Thread(target=self._run, args=(name, folder), daemon=True)
            self._busy.add(thread)
            thread.start()

    def _run(self, name: str, folder: Path) -> None:
        try:
            process = self._start(name, folder)
            if process is not None:
                self._follow(name, process)
        except OSError:  # no process, or no folder any more
            self._listener.on_exit(name, 126)
        finally:
            self._turns.forget(name)
            with self._lock:
                self._busy.discard(threading.current_thread())
                self._fill()

    def _start(self, name: str, folder: Path) -> subprocess.Popen[str] | None:
        environment = {
            "GOOGLE_CLOUD_PROJECT": self._project,
            **os.environ,
            # As in the compiled command: kfp then imports only what running needs.
            "_KFP_RUNTIME": "true",
            "TITLEHOLDER_PIPELINE_ENVIRONMENTS": str(self._environments),
        }
        with self._lock, (folder / LOG).open("ab") as log:
            if self._closed or not self._listener.on_start(name):
                return None
            process = subprocess.Popen(
                [sys.executable, "-m", "sandbox.vertex.pipelines.execution.runner", str(folder)],
                cwd=_REPOSITORY,
                env=environment,
                stdin=subprocess.PIPE,  # for answers; its end tells that the server is gone
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
                start_new_session=True,
            )
            self._running[name] = process
        record = {"pid": process.pid, "started_at": started_at(process.pid)}
        (folder / _PROCESS).write_text(json.dumps(record), encoding="utf-8")
        return process

    def _follow(self, name: str, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        answers = _Answers(process)
        for line in process.stdout:
            try:
                event = from_line(line)
                if isinstance(event, SlotReleased):
                    self._turns.release(name)
                elif not isinstance(event, Question):
                    self._listener.on_event(name, event)
                    if isinstance(event, RunEvent):
                        answers.close()  # it waits for that
                elif event.kind == SLOT:
                    self._turns.acquire(name, partial(answers.give, event, None))
                else:
                    answers.give(event, self._listener.on_question(name, event))
            except Exception:  # a line cut short by a kill, or a fault of ours: the job ends
                _LOG.warning("%s: its runner said %r", name, line[:500], exc_info=True)
                self.end(name)
                break
        # Not reaped yet, so that its number stays its own while its group is ended.
        if hasattr(os, "waitid"):  # macOS has it from Python 3.13 on
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with self._lock:
            del self._running[name]
            _end_group(process.pid, force=True)
        code = process.wait()
        answers.close()
        process.stdout.close()
        self._listener.on_exit(name, code)

    def _force(self, name: str, process: subprocess.Popen[str]) -> None:
        with self._lock:
            if self._running.get(name) is process:
                _end_group(process.pid, force=True)


class _Answers:
    """What a runner is answered, from several threads, as long as it is there to hear it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        self._pipe = process.stdin
        self._lock = threading.Lock()

    def give(self, question: Question, answer: Any) -> None:
        with self._lock, suppress(BrokenPipeError):  # it is being ended
            if not self._pipe.closed:
                self._pipe.write(answer_line(question, answer) + "\n")
                self._pipe.flush()

    def close(self) -> None:
        with self._lock, suppress(BrokenPipeError):  # an answer that nobody waited for
            self._pipe.close()


def end_left_over(folder: Path) -> None:
    """End the runner of a server that is no more, if it still runs; nobody else's process."""
    try:
        record = json.loads((folder / _PROCESS).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return
    if record["started_at"] and started_at(record["pid"]) == record["started_at"]:
        _end_group(record["pid"], force=True)


def _end_group(pid: int, force: bool = False) -> None:
    """Tell the process group that `pid` leads to end, or end it; fine when it is gone."""
    try:
        os.killpg(pid, signal.SIGKILL if force else signal.SIGTERM)
    except (ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
        return
