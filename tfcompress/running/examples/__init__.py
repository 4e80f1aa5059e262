"""What a run keeps for those who look at it: how predictions went by class, and the inputs whose prediction changed."""
