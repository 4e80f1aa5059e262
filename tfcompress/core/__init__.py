"""The nouns of the project: types, settings, errors, the selection of layers. Imports nothing of ours."""
