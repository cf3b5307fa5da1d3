from conversations.admin import (  # noqa: F401
    contacts,
    conversations,
    messages,
    replays,
    settings,
    settings_history,
    workers,
)
