"""What the fused operators must equal: plain PyTorch, as a user would write it, in whatever dtype the inputs have."""
