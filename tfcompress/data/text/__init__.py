"""Texts as numbers of words, by a vocabulary of the training texts: tables, TFDS's sets, sentences with slots."""
