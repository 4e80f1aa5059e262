"""The order of a recipe's stages: what is refused, what is remarked on, and what was measured of it."""
