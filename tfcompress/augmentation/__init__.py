"""Changes to training pictures that leave their class alone, one file each, drawn by (seed, epoch, example)."""
