"""Series of numbers by time in CSV files, cut into windows: what comes next, and what is unusual."""
