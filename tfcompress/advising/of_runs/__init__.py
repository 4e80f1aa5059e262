"""What the figures of a run say beside those of a single file."""
