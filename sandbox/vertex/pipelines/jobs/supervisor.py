"""Runs jobs in child processes, at most two at a time, and reads their events."""

import json
import logging
import os
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

from sandbox.services.processes import end_group, started_at
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
    """Callbacks of a supervisor, called in its threads with the name of the job."""

    on_ready: Callable[[str], bool]
    """The job can start soon; returns False if it should not run any more."""
    on_start: Callable[[str], bool]
    """The job is about to start; returns False if it should not run any more."""
    on_event: Callable[[str, TaskEvent | RunEvent], None]
    on_question: Callable[[str, Question], Any]
    on_exit: Callable[[str, int], None]


class Supervisor:
    """Runs jobs, each given by its name and a folder with its `protocol.job.Job`."""

    def __init__(
        self,
        listener: Listener,
        environments: Path,
        project: str,
        images: Path,
        at_once: int = 2,
    ) -> None:
        self._listener = listener
        self._environments = environments
        self._project = project
        self._images = images
        self._at_once = at_once
        self._slots = Slots()
        self._lock = threading.Lock()
        self._waiting: deque[tuple[str, Path]] = deque()
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._busy: set[threading.Thread] = set()
        self._closed = False

    def submit(self, name: str, folder: Path) -> bool:
        """Run the job after those submitted before; returns whether it can start now."""
        with self._lock:
            self._waiting.append((name, folder))
            self._fill()
            return not self._waiting

    def end(self, name: str) -> None:
        """Terminate a running job, and kill it if it does not end in time. Returns at once.

        The caller must hold no lock that a callback of the listener needs.
        """
        with self._lock:
            process = self._running.get(name)
            if process is not None:
                end_group(process.pid)
                timer = threading.Timer(_GRACE, self._force, (name, process))
                timer.daemon = True
                timer.start()

    def close(self) -> None:
        """End all running jobs and wait for them; waiting jobs are not started."""
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
            if not self._listener.on_ready(name):
                continue
            thread = threading.Thread(target=self._run, args=(name, folder), daemon=True)
            self._busy.add(thread)
            thread.start()

    def _run(self, name: str, folder: Path) -> None:
        try:
            process = self._start(name, folder)
            if process is not None:
                self._follow(name, process)
        except OSError:  # the process cannot start, or the folder was deleted
            self._listener.on_exit(name, 126)
        finally:
            self._slots.forget(name)
            with self._lock:
                self._busy.discard(threading.current_thread())
                self._fill()

    def _start(self, name: str, folder: Path) -> subprocess.Popen[str] | None:
        environment = {
            "GOOGLE_CLOUD_PROJECT": self._project,
            **os.environ,
            # Set in the compiled command, too: kfp then imports only what a run needs.
            "_KFP_RUNTIME": "true",
            "TITLEHOLDER_PIPELINE_ENVIRONMENTS": str(self._environments),
            **({"TITLEHOLDER_PIPELINE_IMAGES": str(self._images)} if self._images.exists() else {}),
        }
        with self._lock, (folder / LOG).open("ab") as log:
            if self._closed or not self._listener.on_start(name):
                return None
            process = subprocess.Popen(
                [sys.executable, "-m", "sandbox.vertex.pipelines.execution.runner", str(folder)],
                cwd=_REPOSITORY,
                env=environment,
                stdin=subprocess.PIPE,  # for answers; it ends with the server
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
                    self._slots.release(name)
                elif not isinstance(event, Question):
                    self._listener.on_event(name, event)
                    if isinstance(event, RunEvent):
                        answers.close()  # the runner waits for it
                elif event.kind == SLOT:
                    self._slots.acquire(name, partial(answers.send, event, None))
                else:
                    answers.send(event, self._listener.on_question(name, event))
            except Exception:  # a line cut short by a kill, or a bug in the sandbox
                _LOG.warning(
                    "%s: cannot handle the runner's line %r", name, line[:500], exc_info=True
                )
                self.end(name)
                break
        # Wait without reaping, so that the pid is not reused while its group is ended.
        if hasattr(os, "waitid"):  # macOS has it from Python 3.13 on
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with self._lock:
            del self._running[name]
            end_group(process.pid, force=True)
        code = process.wait()
        answers.close()
        process.stdout.close()
        self._listener.on_exit(name, code)

    def _force(self, name: str, process: subprocess.Popen[str]) -> None:
        with self._lock:
            if self._running.get(name) is process:
                end_group(process.pid, force=True)


class _Answers:
    """Sends answers to a runner, from several threads, while it runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        self._pipe = process.stdin
        self._lock = threading.Lock()

    def send(self, question: Question, answer: Any) -> None:
        with self._lock, suppress(BrokenPipeError):  # the runner is ending
            if not self._pipe.closed:
                self._pipe.write(answer_line(question, answer) + "\n")
                self._pipe.flush()

    def close(self) -> None:
        with self._lock, suppress(BrokenPipeError):  # an unread answer
            self._pipe.close()


def end_leftover(folder: Path) -> None:
    """End the runner that a previous server left, but no other process that reuses its pid."""
    try:
        record = json.loads((folder / _PROCESS).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return
    if record["started_at"] and started_at(record["pid"]) == record["started_at"]:
        end_group(record["pid"], force=True)
