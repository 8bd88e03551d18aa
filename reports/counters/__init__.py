"""What the kernels of a fused function did, counted: tables, JSON and CSV, beside those of a timeline."""
