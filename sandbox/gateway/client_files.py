"""The files that the variables of client_settings.py name."""

import json
from pathlib import Path
from typing import Any

import certifi
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.gateway.certificates import Authority, write_private
from sandbox.gateway.client_settings import certificates, service_account
from sandbox.state import Home, State


def write_client_files(home: Home, state: State) -> None:
    """Write the certificates, and the key of a service account that only this sandbox knows,
    readable by their owner only."""
    folder = home.data("gateway").resolve()
    own = Authority(folder).certificate.read_bytes()
    write_private(certificates(home), Path(certifi.where()).read_bytes() + own)
    write_private(service_account(home), _service_account(folder, state.project))


def _service_account(folder: Path, project: str) -> bytes:
    """The content of the account's file, with the key of an earlier one."""
    key = folder / "service-account.key"
    if not key.exists():
        created = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        encoding, kind = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        write_private(key, created.private_bytes(encoding, kind, serialization.NoEncryption()))
    email = f"sandbox@{project}.iam.gserviceaccount.com"
    account: dict[str, Any] = {
        "type": "service_account",
        "project_id": project,
        "client_email": email,
        "client_id": "100000000000000000001",
        "token_uri": "https://oauth2.googleapis.com/token",
        "universe_domain": "googleapis.com",
    }
    account["private_key_id"], account["private_key"] = "sandbox", key.read_text(encoding="ascii")
    return json.dumps(account, indent=2).encode()
