"""Folders for Unix sockets, whose paths may have about a hundred bytes."""

import hashlib
import os
import re
from pathlib import Path

# sockaddr_un of macOS has 104 bytes with the final zero, that of Linux 108.
_MOST_BYTES = 103


def socket_folder(folder: Path, socket: str) -> Path:
    """`folder`, or one in /tmp in its place if the path of the file `socket` in it is too long for
    a Unix socket, or has characters that addresses and settings would have to quote."""
    path = str(folder / socket)
    if len(os.fsencode(path)) <= _MOST_BYTES and re.fullmatch(r"[\w./-]+", path, re.ASCII):
        return folder
    # Not the folder for temporary files, which is another one when TMPDIR is.
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path(f"/tmp/titleholder-{os.geteuid()}-{digest}")


def make_private(folder: Path) -> None:
    """Create the folder, which only this user may open. Raises OSError if another user could: it
    was there before, and is a link, another user's, or open to others."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.geteuid() or found.st_mode & 0o170077 != 0o040000:
        raise OSError(f"{folder} is not a folder that only you can open; delete it, and repeat")
