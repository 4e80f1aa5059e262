"""What TensorFlow's converter is known to compile wrongly, put in words that it compiles rightly: one idea a file."""
