"""The templates' gallery."""
