"""Floor 0: tensors in, tensors out. No weights, no files."""
