from evolution.admin import instances, missed, records  # noqa: F401
