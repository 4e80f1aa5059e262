"""python -m tfcompress.search NAME: `tfcompress search NAME`. Imported, it is still the function of its name."""

import sys
import types
from typing import Any

from .cli.search import main


class _Door(types.ModuleType):
    """Importing this module puts it in the place of the function of its name, which it therefore calls."""

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        from .api import search

        return search(*arguments, **settings)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], prog="python -m tfcompress.search"))
sys.modules[__name__].__class__ = _Door
