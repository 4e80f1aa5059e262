"""A model in numbers: measure.py, macs.py, tflite.py, compare.py; promises.py holds them to what a stage promised."""
