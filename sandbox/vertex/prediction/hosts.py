"""The sandbox's other services, which are on this machine or not at all."""

from urllib.parse import urlsplit


def on_this_machine(variable: str, url: str, why: str) -> str:
    """`url`, the value of that variable; ValueError unless it is http:// on a loopback address."""
    host = urlsplit(url)
    if host.scheme != "http" or host.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ValueError(
            f"{variable} is {url!r}; it must be the sandbox's own, such as http://127.0.0.1:9023, "
            f"because {why}."
        )
    return url
