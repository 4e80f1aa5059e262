"""From a budget to a recipe: what a search may try, what it looks at, and what it found."""
