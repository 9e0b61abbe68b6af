"""Home: the first steps, then what came in, what went out, and what needs a person."""
