"""python -m tfcompress.report RUN: the same as `tfcompress report RUN`."""

import sys

from .cli.report import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], prog="python -m tfcompress.report"))
