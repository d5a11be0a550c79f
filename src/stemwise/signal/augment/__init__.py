"""Augmentations of audio clips, on batches, on any device; everything that is drawn comes in as a tensor."""
