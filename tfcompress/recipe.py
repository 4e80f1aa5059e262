"""python -m tfcompress.recipe NAME: the same as `tfcompress recipe NAME`."""

import sys

from .cli.recipe import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], prog="python -m tfcompress.recipe"))
