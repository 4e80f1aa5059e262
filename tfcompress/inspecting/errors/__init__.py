"""What a .tflite computes on its way, and what its float model does: tensor by tensor, against each other."""
