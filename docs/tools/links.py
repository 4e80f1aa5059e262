"""Looks at every link of the site that Sphinx has made: whether its file is there, and in it the place it names.

    python docs/tools/links.py SITE

Links that leave the site are not followed: they are listed in SITE/external_links.txt, and counted.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """What a page links to, and the places in it that can be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes the links and the names of one element."""
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            elif name == "id" or (name == "name" and tag == "a"):
                self.places.add(value or "")


def broken(pages: dict[Path, Page]) -> Iterator[str]:
    """A line for each link that leads nowhere."""
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            place = unquote(parts.fragment)
            if not target.exists():
                yield f"{path.name}: {link} leads to no file"
            elif place and target in pages and place not in pages[target].places:
                yield f"{path.name}: {link} leads to no place on its page"


def main(site: Path) -> int:
    """Prints what is broken, and gives the exit code."""
    pages = {path.resolve(): Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    external = sorted({link for page in pages.values() for link in page.links if urlsplit(link).netloc})
    (site / "external_links.txt").write_text("".join(f"{link}\n" for link in external), encoding="utf-8")
    lines = list(broken(pages))
    print("\n".join(lines), file=sys.stderr, end="\n" if lines else "")
    num_links = sum(len(page.links) for page in pages.values())
    print(
        f"{len(pages)} pages, {num_links:,} links: {len(lines)} broken, {len(external)} out of the site, not followed"
    )
    return 1 if lines or not pages else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
