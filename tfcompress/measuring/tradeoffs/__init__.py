"""What files or trials cost, against what they are worth."""
