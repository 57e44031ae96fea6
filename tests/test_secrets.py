"""No secret is in the repository."""

import re
import subprocess
from pathlib import Path

from tests.conftest import REPOSITORY

SECRETS = {
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a service account's key": r"\"private_key(_id)?\"\s*:",
    "Google's API key": r"\bAIza[0-9A-Za-z_-]{35}\b",
    "Google's OAuth token": r"\bya29\.[0-9A-Za-z_-]{20,}",
    "Google's OAuth client secret": r"\bGOCSPX-[0-9A-Za-z_-]{20,}",
    "Amazon's access key": r"\b(AKIA|ASIA)[0-9A-Z]{16}\b",
    "GitHub's token": r"\b(gh[pousr]_[0-9A-Za-z]{36}|github_pat_[0-9A-Za-z_]{30,})",
    "a web token": r"\beyJ[0-9A-Za-z_-]{15,}\.eyJ[0-9A-Za-z_-]{15,}\.[0-9A-Za-z_-]{10,}",
    "Slack's hook or token": r"hooks\.slack\.com/services/T\w+/B\w+/\w+|\bxox[a-z]-[\w-]{10,}",
    "a password in a URL": r"\b[a-z][a-z0-9+]*://[^\s/:@'\"{}<>]+:[^\s/:@'\"{}<>$]{3,}@[\w.-]+",
    "a secret that is written out": (
        r"(?i)\b(password|passwd|secret|api_?key|access_?token)\b['\"]?\s*[:=]\s*"
        r"['\"][^\s'\"{}<>$%]{12,}['\"]"
    ),
}
# One example of each, concatenated so that this file contains none.
EXAMPLES = [
    "-----BEGIN RSA " + "PRIVATE KEY-----",
    '"private_' + 'key": "x"',
    "AIza" + "x" * 35,
    "ya29." + "x" * 30,
    "GOCSPX-" + "x" * 28,
    "AKIA" + "X" * 16,
    "ghp_" + "x" * 36,
    "eyJ" + "x" * 20 + ".eyJ" + "x" * 20 + "." + "x" * 20,
    "https://hooks.slack.com/services/" + "T1/B2/x3",
    "postgresql://me:" + "hunter2@db.example.com/x",
    "pass" + 'word = "correct-horse-battery"',
]


def test_every_kind_of_secret_would_be_found() -> None:
    for (what, pattern), example in zip(SECRETS.items(), EXAMPLES, strict=True):
        assert re.search(pattern, example), what


def tracked() -> list[Path]:
    """The files of the repository; of a copy without git, all but generated ones."""
    if not (REPOSITORY / ".git").exists():
        generated = {".venv", "var", "__pycache__", ".hypothesis"}
        files = [file for file in REPOSITORY.rglob("*") if file.is_file()]
        return [
            file
            for file in files
            if not generated & set(parts := file.relative_to(REPOSITORY).parts)
            and not any(part.endswith("_cache") for part in parts)
        ]
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [file for name in listed.split("\0") if name and (file := REPOSITORY / name).is_file()]


def test_no_file_holds_a_secret() -> None:
    files = tracked()
    assert len(files) > 100
    found = []
    for file in files:
        text = file.read_text(encoding="utf-8", errors="replace")
        for what, pattern in SECRETS.items():
            for match in re.finditer(pattern, text):
                line = text.count("\n", 0, match.start()) + 1
                found.append(f"{file.relative_to(REPOSITORY)}:{line}: {what}")
    assert found == []


def test_folders_with_secrets_are_ignored_by_git() -> None:
    ignored = (REPOSITORY / ".gitignore").read_text().splitlines()
    assert {"var/", ".venv/"} <= set(ignored)
