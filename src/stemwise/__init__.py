"""stemwise: networks that learn to take music apart, and use what they learned to understand it."""

STEMS = ("drums", "bass", "other", "vocals")
"""The order of stems everywhere inside the package; other orders are mapped by name at the boundary."""

__version__ = "0.1.0"
__all__ = ["STEMS", "__version__"]
