"""What the operator wrote down, and what of it a reply is given.

It is here and not in `llm`, since instances and conversations decide what holds where, and
the database searches. `llm` is handed titles and texts.
"""
