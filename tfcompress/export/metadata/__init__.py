"""What a file says of itself, and the page beside it."""
