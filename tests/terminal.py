"""Commands in a terminal of some width."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PLAIN = ("CI", "NO_COLOR")
"""Variables that make the output plain, as it is without a terminal."""
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)")


@dataclass(frozen=True)
class Shown:
    """What a command wrote to its terminal: as it is, and without control sequences."""

    code: int
    raw: str

    @property
    def lines(self) -> list[str]:
        """The lines, without what was overwritten."""
        text = _CONTROL.sub("", self.raw.replace("\r\n", "\n"))
        return [line.rpartition("\r")[2] for line in text.splitlines()]


def in_terminal(
    command: Sequence[str | Path], columns: int, environment: Mapping[str, str], folder: Path
) -> Shown:
    """Run the command to its end, with stdout and stderr in a terminal of that many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    with subprocess.Popen(
        command,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        found = b""
        # Linux raises EIO when the other end is closed.
        while chunk := _read(ours):
            found += chunk
    os.close(ours)
    return Shown(process.returncode, found.decode())


def _read(file: int) -> bytes:
    try:
        return os.read(file, 65536)
    except OSError:
        return b""
