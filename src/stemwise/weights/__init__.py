"""Weights on disk: published checkpoints, and models with their cards."""
