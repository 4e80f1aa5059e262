"""What the commands share: terminal.py, errors.py (exit codes), recipe_file.py (a recipe found by name or path)."""
