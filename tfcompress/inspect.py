"""python -m tfcompress.inspect FILE: the same as `tfcompress inspect FILE`."""

import sys

from .cli.inspect import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], prog="python -m tfcompress.inspect"))
