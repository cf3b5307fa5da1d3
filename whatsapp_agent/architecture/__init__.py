"""The living picture of this installation: what it is made of, and what flows."""
