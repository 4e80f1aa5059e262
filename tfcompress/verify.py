"""python -m tfcompress.verify RUN: the same as `tfcompress verify RUN`."""

import sys

from .cli.verify import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], prog="python -m tfcompress.verify"))
