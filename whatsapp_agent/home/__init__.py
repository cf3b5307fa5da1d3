"""What the first page tells: how everything is doing, in a few cheap queries."""
