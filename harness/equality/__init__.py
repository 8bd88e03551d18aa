"""Whether a fused function computes what its reference does: oracle, policy, guards, verdict."""
