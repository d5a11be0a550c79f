"""What "better" means in training."""
