"""Tables of a timeline: devices, ranges, reference against fused, kernels; in one module a format."""
