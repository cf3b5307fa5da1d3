from conversations.admin import (  # noqa: F401
    contacts,
    conversations,
    messages,
    settings,
    settings_history,
    workers,
)
