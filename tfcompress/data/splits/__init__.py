"""Which examples are trained on and which test: by name, by a draw, and whether any is in both."""
