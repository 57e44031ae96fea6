"""`python -m titleholder`: the same as the command `titleholder`."""

import sys

from titleholder.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
