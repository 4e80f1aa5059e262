"""Models in and out: copying.py, saving.py, packing.py (few bits a weight), pretrained.py, loading/ and safe_mode/."""
