"""The operations and tensors of a .tflite, read in a child process, since a damaged one can make its reader hang."""
