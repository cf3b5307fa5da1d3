"""The files that messages carry: fetched, kept in private, heard, and deleted again."""
