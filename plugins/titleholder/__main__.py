"""`python -m titleholder`: the rollout of a model, from a terminal."""

import sys

from titleholder.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
