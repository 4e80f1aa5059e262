"""Changes to training inputs that leave their class alone, one file each, drawn by (seed, epoch, example)."""
