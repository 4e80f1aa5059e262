"""Builders of small models to compress, each with its parameters and multiply-accumulates told."""
