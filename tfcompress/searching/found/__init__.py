"""What a search found: the Pareto set, the best, what matters, and the recipe as a file."""
