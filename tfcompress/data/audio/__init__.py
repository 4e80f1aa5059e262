"""Recordings: WAV and FLAC files read, brought to one rate and length, and turned into log-mel spectrograms."""
