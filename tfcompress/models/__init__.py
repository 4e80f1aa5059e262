"""Builders of small models to compress, each with its number of parameters and multiply-accumulates."""
