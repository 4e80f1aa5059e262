"""A recipe at work: run.py walks its stages (stage.py) and files (file.py); store.py keeps them."""
