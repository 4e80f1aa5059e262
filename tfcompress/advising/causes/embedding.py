"""A table of embeddings that is most of a file's bytes."""

from __future__ import annotations

from ...core.types import Advice
from ..evidence import Evidence
from .words import percent

SHARE = 0.5  # of the file
LEAST_BYTES = 16_384
LOOKUPS = ("GATHER", "EMBEDDING_LOOKUP")


def embedding(evidence: Evidence) -> Advice | None:
    """Names the table, and what fewer bits leave of it.

    >>> from tfcompress.advising.evidence import FileOp
    >>> table = FileOp(0, "GATHER", "int8", "words", constant_bytes=60_000, stored_as="int8")
    >>> embedding(Evidence("int8", 80_000, operations=(table,))).worth
    'about 30,000 bytes less of 80,000, computed: half of the table'
    """
    tables = [op for op in evidence.operations if op.op in LOOKUPS and op.constant_bytes and op.stored_as != "int4"]
    largest = max(tables, key=lambda op: op.constant_bytes, default=None)
    if largest is None or largest.constant_bytes < max(LEAST_BYTES, SHARE * evidence.raw_bytes):
        return None
    in_float = largest.stored_as.startswith("float")
    saved = largest.constant_bytes * (3 if in_float else 2) // 4
    name = f" {largest.layer!r}" if largest.layer else ""
    part = "three quarters" if in_float else "half"
    return Advice(
        "large embedding",
        f"The table of embeddings{name} is {percent(largest.constant_bytes / evidence.raw_bytes)} of the file, "
        f"{largest.constant_bytes:,} of {evidence.raw_bytes:,} bytes.",
        largest.layer,
        f"about {saved if in_float else largest.constant_bytes // 2:,} bytes less of {evidence.raw_bytes:,}, computed: "
        f"{part} of the table",
        "export with Int8()" if in_float else "export with Int8(embedding_bits=4), or keep a smaller vocabulary",
    )
