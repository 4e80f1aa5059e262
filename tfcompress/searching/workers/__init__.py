"""A search in several processes: a chief that proposes and keeps the journal, and workers that run its trials."""
