"""A Keras model as a .tflite file, one file a mode. Each fixes the batch at 1, which GPU delegates need."""
