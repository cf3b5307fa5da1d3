"""The settings in words: their names, what they do, their units and values."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext, gettext_lazy as _

from conversations.admin.settings_sections import KEPT
from conversations.models import AgentSettings

LABELS = {
    "is_on": _("The agent is on"),
    "bot_name": _("Name"),
    "aliases": _("Other names"),
    "only_allowed": _("Answer only who is allowed"),
    "new_direct_mode": _("New direct chats begin in"),
    "new_group_mode": _("New groups begin in"),
    "group_policy": _("In groups it replies"),
    "threshold": _("Threshold"),
    "on_gate_failure": _("When the judging fails"),
    "direct_wait": _("Silence in a direct chat"),
    "group_wait": _("Silence in a group"),
    "longest_wait": _("Wait no longer than"),
    "oldest_answered": _("Answer nothing older than"),
    "takeover_minutes": _("Stand back after a person writes"),
    "quiet_minutes": _("Be quiet when a group asks for it"),
    "quiet_when_addressed": _("Then be silent to everybody"),
    "command_prefix": _("Commands begin with"),
    "forget_in_chat": _("Forget who asks for it"),
    "instructions": _("Instructions"),
    "group_instructions": _("When a reply is wanted in groups"),
    "context_messages": _("Messages it reads back"),
    "knowledge_passages": _("Passages for a reply at most"),
    "knowledge_characters": _("Length of these passages at most"),
    "knowledge_topics": _("Tell the judge what the texts are about"),
    "quote_in_groups": _("Quote what it answers in groups"),
    "mention_asker": _("Mention whom it answers in groups"),
    "show_typing": _("Show that it is typing"),
    "typing_speed": _("Type"),
    "reacts": _("React with an emoji"),
    "reaction_emoji": _("Emoji"),
    "reaction_threshold": _("Threshold of a reaction"),
    "reaction_gap": _("Time between two reactions"),
    "mark_read": _("Mark messages as read"),
    "relevance_provider": _("Provider that judges"),
    "relevance_model": _("Model that judges"),
    "relevance_timeout": _("Time it has to judge"),
    "relevance_price_in": _("Price of what the judge reads"),
    "relevance_price_out": _("Price of what the judge writes"),
    "response_provider": _("Provider that writes"),
    "response_model": _("Model that writes"),
    "response_timeout": _("Time it has to write"),
    "response_price_in": _("Price of what the writer reads"),
    "response_price_out": _("Price of what the writer writes"),
    "response_max_tokens": _("Length of a reply at most"),
    "temperature": _("Temperature"),
    "transcribe": _("Transcribe voice messages"),
    "longest_voice": _("Transcribe nothing longer than"),
    "voice_apology": _("Say when one could not be transcribed"),
    "transcription_language": _("Language that is spoken"),
    "transcription_provider": _("Provider that transcribes"),
    "transcription_model": _("Model that transcribes"),
    "transcription_timeout": _("Time it has to transcribe"),
    "transcription_price": _("Price of transcribing"),
    "pictures": _("Show pictures to the model"),
    "most_pictures": _("Pictures at most"),
    "largest_picture": _("Shrink pictures to"),
    "document_characters": _("Read of a document"),
    "largest_file": _("No file larger than"),
    "unprompted_gap": _("Time between two unprompted replies"),
    "unprompted_per_hour": _("Unprompted replies an hour"),
    "unprompted_per_day": _("Unprompted replies a day"),
    "replies_per_minute": _("Replies a minute"),
    "replies_per_hour": _("Replies an hour"),
    "daily_spend_limit": _("Spend at most"),
    "daily_call_limit": _("Call at most"),
    "keep_texts": _("Keep texts of messages"),
    "keep_files": _("Keep files"),
    "keep_prompts": _("Keep prompts and answers"),
    "keep_webhooks": _("Keep webhooks that failed"),
    "keep_tasks": _("Keep tasks that failed"),
}
HELP = {
    # The models' own say what the units beside the fields say.
    **dict.fromkeys(
        (
            "relevance_price_in",
            "relevance_price_out",
            "response_price_in",
            "response_price_out",
            "transcription_price",
            "unprompted_gap",
        ),
        "",
    ),
    "is_on": _("Off: messages are stored, and nothing is answered."),
    "bot_name": _("As a word in a message it addresses the agent."),
    "aliases": _("It answers to them too. Separated by commas."),
    "only_allowed": _("Contacts and conversations that are marked as allowed."),
    "threshold": _("From 0 to 1: a reply when it is at least so likely to be wanted."),
    "on_gate_failure": _("When the model that judges gives no usable answer."),
    "direct_wait": _("Messages that follow each other faster are judged together."),
    "group_wait": _("The same among several people."),
    "longest_wait": _("After this time they are judged in any case."),
    "oldest_answered": _("Older messages, after an outage, are only context."),
    "takeover_minutes": _("When staff or the phone itself write in a conversation."),
    "quiet_minutes": _("When somebody in a group tells it to stop. 0: go on."),
    "quiet_when_addressed": _("Off: who addresses it is answered all the same."),
    "command_prefix": _(
        "Then pause, resume, status or help, from contacts that may command."
        " Empty: no commands."
    ),
    "forget_in_chat": _(
        "Who writes forget as a command in a direct chat, and then forget yes: all that"
        " they said is deleted."
    ),
    "instructions": _("Who it is, what it knows, how it writes."),
    "group_instructions": _(
        "Given to the model that judges, not to the one that writes."
    ),
    "context_messages": _("So many of the conversation are given to the models."),
    "knowledge_passages": _("Found in the texts that are searched. 0: none."),
    "knowledge_characters": _("All together; those that fit best come first."),
    "knowledge_topics": _(
        "Only their titles. New titles make new prompt versions of the judging step,"
        " whose scores cannot be compared with the old ones."
    ),
    "mention_asker": _("By number, so that the phone tells them."),
    "mark_read": _("When it begins to answer; WhatsApp takes it in direct chats only."),
    "typing_speed": _(
        "As long as a person would, at most 20 seconds for a message. 0: at once."
    ),
    "reacts": _("In live groups. What deserves a reply gets a reply."),
    "reaction_emoji": _("One emoji."),
    "reaction_threshold": _("From here up to the threshold of a reply it reacts."),
    "reaction_gap": "",
    "relevance_timeout": _("With all that it tries again."),
    "response_timeout": _("With all that it tries again."),
    "temperature": _("0 to 2: the higher, the more varied."),
    "transcribe": _("Where not, the model is told only that there was one."),
    "longest_voice": _("Also of other sound. Longer ones end unanswered."),
    "voice_apology": _("In direct chats, once for each. Empty: silence."),
    "transcription_language": _("Such as en or pt. Empty: the model finds out."),
    "transcription_model": _("As the provider names it, such as whisper-1."),
    "transcription_timeout": _("With all that it tries again."),
    "pictures": _(
        "Photos, and up to four stills of a video, without its sound. They leave this"
        " machine for the model's, and cost tokens. Where not, the model is told only"
        " that there was one."
    ),
    "most_pictures": _("In one prompt; the latest of what it is given."),
    "largest_picture": _("Of the longer side. Larger ones cost more tokens."),
    "document_characters": _("From PDF and text files, from the start. 0: nothing."),
    "largest_file": _(
        "Fetched, or sent by hand: voice messages, pictures, documents. 0: none."
    ),
    "replies_per_minute": _("More than these looks like two bots that talk."),
    "daily_spend_limit": _(
        "In the currency of the prices. Empty: no limit. The common limit is on all"
        " numbers together; a number’s own holds beside it, for that number alone."
    ),
    "daily_call_limit": _(
        "Empty: no limit. Common and own ones hold beside each other, as above."
    ),
    "keep_texts": _(
        "With quotes and what is known of media. Then the search does not find them"
        " either. Empty: for ever."
    ),
    "keep_files": _(
        "Voice messages, pictures, documents; never longer than the texts they came"
        " with. Empty: as long as those."
    ),
    "keep_prompts": _(
        "Prompts hold the texts of messages: keep them no longer. The model's own"
        " words on why go with them. Empty: for ever."
    ),
    "keep_webhooks": _(
        "Those that could not be read, also if nobody replayed them, and those that"
        " were refused. Empty: for ever."
    ),
    "keep_tasks": _("From the worker's queue. Empty: for ever."),
}
UNITS = {
    "direct_wait": _("seconds"),
    "group_wait": _("seconds"),
    "longest_wait": _("seconds"),
    "oldest_answered": _("minutes"),
    "takeover_minutes": _("minutes"),
    "quiet_minutes": _("minutes"),
    "context_messages": _("messages"),
    "knowledge_passages": _("passages"),
    "knowledge_characters": _("characters"),
    "typing_speed": _("characters a second"),
    "reaction_gap": _("minutes"),
    "relevance_timeout": _("seconds"),
    "relevance_price_in": _("per million tokens"),
    "relevance_price_out": _("per million tokens"),
    "response_timeout": _("seconds"),
    "response_price_in": _("per million tokens"),
    "response_price_out": _("per million tokens"),
    "response_max_tokens": _("tokens"),
    "longest_voice": _("minutes"),
    "transcription_timeout": _("seconds"),
    "transcription_price": _("per minute of sound"),
    "most_pictures": _("pictures"),
    "largest_picture": _("pixels"),
    "document_characters": _("characters"),
    "largest_file": _("megabytes"),
    "unprompted_gap": _("minutes"),
    "unprompted_per_hour": _("replies"),
    "unprompted_per_day": _("replies"),
    "replies_per_minute": _("replies"),
    "replies_per_hour": _("replies"),
    "daily_spend_limit": _("a day"),
    "daily_call_limit": _("calls a day"),
    **dict.fromkeys(KEPT, _("days")),
}


def label(name: str) -> str:
    return str(LABELS.get(name, name.replace("_", " ").capitalize()))


def labels(names: Iterable[str]) -> str:
    return ", ".join(label(name) for name in names)


def told(name: str, value: Any) -> str:
    """A value of a setting in words."""
    choices = dict(_choices(name))
    match value:
        case dict():
            return gettext("the common value")
        case None | "":
            return gettext("for ever") if name in KEPT else gettext("nothing")
        case bool():
            return gettext("on") if value else gettext("off")
        case int() | float() | Decimal():
            return number_format(_short(value))
    return str(choices.get(value, value))


def _choices(name: str) -> Iterable[tuple[str, Any]]:
    if name not in LABELS:
        return ()
    return AgentSettings._meta.get_field(name).flatchoices


def _short(value: float | Decimal) -> Decimal:
    """Without zeros at its end."""
    number = Decimal(str(value))
    return number.quantize(1) if number == number.to_integral() else number.normalize()
