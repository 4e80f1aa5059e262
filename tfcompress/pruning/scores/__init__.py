"""What a weight is worth: one file a score, `score(kernel, evidence) -> array of the same shape`, larger = keep."""
