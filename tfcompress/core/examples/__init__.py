"""Where examples come from: nests of arrays, sources and streams of them, and examples on disk."""
