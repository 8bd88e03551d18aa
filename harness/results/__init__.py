"""Results: the record of a run, its store, and the gate that compares two."""
