"""Data sets as values, one a file; each reads its examples when first asked for."""
