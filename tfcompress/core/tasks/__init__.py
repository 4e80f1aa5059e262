"""What is asked of a model: tasks, their metrics, and what an output says."""
