"""The command line: main.py finds a subcommand, and each has a file of its name; errors.py has the exit codes."""
