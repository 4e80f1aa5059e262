"""Files that take sound: a spectrogram computed by TensorFlow Lite's own operations, before a model of spectrograms."""
