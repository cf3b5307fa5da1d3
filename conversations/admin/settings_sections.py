"""In which order staff meet the settings, and in which groups."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from conversations.models import AgentSettings


@dataclass(frozen=True)
class Group:
    fields: tuple[str, ...]
    title: Promise | str = ""


@dataclass(frozen=True)
class Section:
    slug: str
    title: Promise
    groups: tuple[Group, ...]
    description: Promise | str = ""

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(name for group in self.groups for name in group.fields)


# The switch of the whole stands alone, before all others.
SWITCH = "is_on"
# Empty keeps it for ever.
KEPT = ("keep_texts", "keep_files", "keep_prompts", "keep_webhooks", "keep_tasks")
SECTIONS = (
    Section(
        "who",
        _("Who answers"),
        (
            Group(("bot_name", "aliases")),
            Group(("only_allowed", "new_direct_mode", "new_group_mode")),
        ),
    ),
    Section(
        "when",
        _("When it replies"),
        (
            Group(("group_policy", "threshold", "on_gate_failure")),
            Group(
                ("direct_wait", "group_wait", "longest_wait"), _("Waiting for the end")
            ),
            Group(
                (
                    "oldest_answered",
                    "takeover_minutes",
                    "quiet_minutes",
                    "quiet_when_addressed",
                ),
                _("Standing back"),
            ),
            Group(("command_prefix", "forget_in_chat"), _("Commands in chats")),
        ),
    ),
    Section(
        "how",
        _("How it replies"),
        (
            Group(("instructions", "group_instructions", "context_messages")),
            Group(
                ("knowledge_passages", "knowledge_characters", "knowledge_topics"),
                _("What it is given of the texts under Knowledge"),
            ),
            Group(
                (
                    "quote_in_groups",
                    "mention_asker",
                    "mark_read",
                    "show_typing",
                    "typing_speed",
                ),
                _("In WhatsApp"),
            ),
            Group(
                ("reacts", "reaction_emoji", "reaction_threshold", "reaction_gap"),
                _("An emoji in groups where a reply would be too much"),
            ),
        ),
    ),
    Section(
        "models",
        _("The models"),
        (
            Group(
                (
                    "relevance_provider",
                    "relevance_model",
                    "relevance_timeout",
                    "relevance_price_in",
                    "relevance_price_out",
                ),
                _("The one that judges whether a reply is wanted"),
            ),
            Group(
                (
                    "response_provider",
                    "response_model",
                    "response_timeout",
                    "response_price_in",
                    "response_price_out",
                    "response_max_tokens",
                    "temperature",
                ),
                _("The one that writes the reply"),
            ),
        ),
        _("Their addresses and keys are set in the environment."),
    ),
    Section(
        "files",
        _("Voice and files"),
        (
            Group(
                (
                    "transcribe",
                    "longest_voice",
                    "voice_apology",
                    "transcription_language",
                ),
                _("Voice messages"),
            ),
            Group(
                (
                    "transcription_provider",
                    "transcription_model",
                    "transcription_timeout",
                    "transcription_price",
                ),
                _("The model that transcribes"),
            ),
            Group(
                (
                    "pictures",
                    "most_pictures",
                    "largest_picture",
                    "document_characters",
                    "largest_file",
                ),
                _("Pictures and documents"),
            ),
        ),
        _(
            "A transcript is judged and answered like a text. The address and the key of"
            " the model are set in the environment."
        ),
    ),
    Section(
        "limits",
        _("Limits"),
        (
            Group(
                ("unprompted_gap", "unprompted_per_hour", "unprompted_per_day"),
                _("Replies in a group that nobody asked it for"),
            ),
            Group(
                ("replies_per_minute", "replies_per_hour"),
                _("All replies in one conversation"),
            ),
            Group(("daily_spend_limit", "daily_call_limit"), _("Calls of the models")),
        ),
    ),
    Section(
        "data",
        _("Data"),
        (Group(KEPT),),
        _(
            "What is older is deleted once a day. What became of each message, the"
            " probabilities, costs and counts stay."
        ),
    ),
)
NAMES = (SWITCH, *(name for section in SECTIONS for name in section.fields))
# What an instance may have its own value of; new settings are among them by themselves.
OVERRIDABLE = tuple(filter(AgentSettings.may_be_own, NAMES))
