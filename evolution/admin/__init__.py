from evolution.admin import instances, records  # noqa: F401
