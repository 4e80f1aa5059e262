"""What every other room stands on: values, errors, measuring, and the door to Keras. Imports nothing of ours."""
