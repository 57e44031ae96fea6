"""`python -m tests.bench.child MODULE:FUNCTION [JSON]`: one call in a process of its own.

Prints, as the last line, the result and the cost of the call. It imports little, since imports are
often what is measured.
"""

import importlib
import json
import resource
import sys
import time
from pathlib import Path


def main() -> None:
    """Call the function with the arguments of the JSON array."""
    module, _, name = sys.argv[1].partition(":")
    function = getattr(importlib.import_module(module), name)
    arguments = json.loads(sys.argv[2]) if len(sys.argv) > 2 else []
    begin = time.perf_counter()
    busy = time.process_time()
    result = function(*arguments)
    cpu = time.process_time() - busy
    seconds = time.perf_counter() - begin
    # Of ended child processes, such as the workers of a grid search.
    others = resource.getrusage(resource.RUSAGE_CHILDREN)
    cost = {
        "seconds": seconds,
        "cpu": cpu + others.ru_utime + others.ru_stime,
        "peak": peak(),
        "result": result,
    }
    print(f"\n{json.dumps(cost)}", flush=True)


def peak() -> float:
    """The most memory that this process has had, in MiB.

    Not getrusage's: that begins with what the parent had when it forked.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise OSError("this system does not report the peak memory of a process")


if __name__ == "__main__":
    main()
