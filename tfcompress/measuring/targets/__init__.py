"""What a file holds, operation by operation, and what each target takes of it."""
