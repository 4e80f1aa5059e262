"""One cause a file: a pure function from the evidence to an `Advice`, or None where the fault is not there."""
