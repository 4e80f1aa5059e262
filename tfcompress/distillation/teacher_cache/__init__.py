"""A teacher asked once an example: cache.py (the setting), logits.py (the file of its logits), rows.py."""
