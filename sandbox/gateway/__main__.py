"""`python -m sandbox.gateway`: serve the gateway on loopback."""

import argparse
import asyncio
import contextlib
import signal
import sys
from pathlib import Path

from sandbox.gateway.certificates import Authority
from sandbox.gateway.proxy import Proxy


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 2 for wrong arguments."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.gateway", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--home", type=Path, required=True, help="folder of the certificates")
    for service in ("vertex", "vertex-grpc", "bigquery", "bigquery-storage", "storage"):
        parser.add_argument(f"--{service}", type=int, required=True, metavar="PORT")
    options = vars(parser.parse_args(arguments))
    port, authority = options.pop("port"), Authority(options.pop("home"))
    ports = {name.replace("_", "-"): number for name, number in options.items()}
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_serve(Proxy(authority, ports), port))
    return 0


async def _serve(proxy: Proxy, port: int) -> None:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await proxy.serve(port)


if __name__ == "__main__":
    sys.exit(main())
