"""A workspace as a file: `apply` makes the workspace look like it, `export` writes it."""
