"""Zeros that stay: which kernels can have them, masks held through training, and what is made of them at the end."""
