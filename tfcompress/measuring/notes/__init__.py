"""What a .tflite says of its inputs and outputs: written into its metadata, and read back."""
