"""Checks of a file for boards: TensorFlow Lite for Microcontrollers, Arm's Ethos-U, and what a target takes at all."""
