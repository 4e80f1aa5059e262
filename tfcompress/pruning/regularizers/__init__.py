"""Terms that are added to a training loss, as formulas: one file a term."""
