"""What a model file may hold and still be opened: safety.py checks parts.py by the lists in tensor_operations.py."""
