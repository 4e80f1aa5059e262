"""What is looked at in a file before it gets its name, and what is then said of it."""
