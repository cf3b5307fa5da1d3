from conversations.admin import (  # noqa: F401
    contacts,
    conversations,
    knowledge,
    messages,
    replays,
    settings,
    settings_history,
    workers,
)
