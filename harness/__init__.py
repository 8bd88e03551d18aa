"""The engine of fuseproof: compares, counts and times; knows nothing of any particular kernel."""
