# The files that a copy names, with their SHA-256.
NAMED = """
    SELECT file, sha256 FROM conversations_mediafile
    WHERE state = 'stored' AND NOT (file = '')"""


class CopyError(Exception):
    """Says why a copy cannot be made or put back, and what to do."""
