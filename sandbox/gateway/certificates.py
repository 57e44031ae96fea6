"""Certificates of Google's hosts, by an authority that exists on this machine only."""

import os
import ssl
from fcntl import LOCK_EX, flock
from functools import lru_cache
from pathlib import Path

import trustme


class Authority:
    """A certificate authority, whose key never leaves its folder."""

    def __init__(self, folder: Path) -> None:
        """Read the authority in `folder`; create one, readable by its owner only, if there is none.
        `certificate` is its public part, in PEM."""
        self.certificate = folder / "authority.pem"
        key = folder / "authority.key"
        folder.mkdir(parents=True, exist_ok=True)
        # The gateway and a program that it is to serve may start at the same time.
        with (folder / "authority.lock").open("w") as lock:
            flock(lock, LOCK_EX)
            if not self.certificate.exists():
                created = trustme.CA(organization_name="Sandbox of this machine")
                write_private(key, created.private_key_pem.bytes())
                write_private(self.certificate, created.cert_pem.bytes())
            self._authority = trustme.CA.from_pem(self.certificate.read_bytes(), key.read_bytes())

    @lru_cache(maxsize=256)  # noqa: B019  # one object, which lives as long as its process
    def context(self, host: str) -> ssl.SSLContext:
        """The TLS settings of a server that is `host`, for HTTP/1.1 and HTTP/2."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(host).configure_cert(context)
        # gRPC offers HTTP/2 alone; a client of REST that offers both gets HTTP/1.1.
        context.set_alpn_protocols(["http/1.1", "h2"])
        return context


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    new.replace(path)
