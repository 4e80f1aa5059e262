"""What is handed on of a run beside its report: card.md for people, and logs for TensorBoard."""
