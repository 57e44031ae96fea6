"""Emulators of Google's services, which are on this machine or not at all.

The function travels with the steps that use it, so it imports inside.
"""


def emulator(variable: str) -> str:
    """`host:port` of the base URL in the environment variable, "" when it is not set or empty.

    The URL may lack its scheme. Raises ValueError for any other than a loopback address: nothing
    else may be called in Google's place.
    """
    import ipaddress
    import os
    import re

    url = os.environ.get(variable, "")
    if not url:
        return ""
    match = re.fullmatch(
        r"(?:http://)?((localhost|[0-9.]+|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?)/?", url
    )
    try:
        address = match[2].strip("[]") if match else ""
        here = address == "localhost" or ipaddress.ip_address(address).is_loopback
    except ValueError:
        here = False
    if match is None or not here:
        raise ValueError(
            f"{variable} is {url!r}, which is no address on this machine: write "
            "http://127.0.0.1:PORT, or unset it to use Google Cloud."
        )
    return match[1]
