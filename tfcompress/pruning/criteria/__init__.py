"""What a channel is worth: one rule a file. Those worth least go first."""
