class CopyError(Exception):
    """Says why a copy cannot be made or put back, and what to do."""
