"""What a PDF or a text file says, taken down once. A stranger's file: so within limits."""

from django.utils import timezone

from conversations.media import child
from conversations.media.storage import content, faults
from conversations.models import AgentSettings, MediaFile

CHARACTERS = 100_000
PDF = "application/pdf"
TEXT = "text/plain"


def read(agent: AgentSettings, file: MediaFile) -> None:
    """Put what the file says beside it, or why that cannot be told."""
    is_wanted = agent.document_characters and file.mimetype in (PDF, TEXT)
    if not is_wanted or not file.is_stored or file.read_at:
        return
    try:
        data = content(file.file)
    except faults() as error:
        file.error = f"The file cannot be read: {error!r}"[:300]
    else:
        file.text, file.pages, file.error = (
            words_of_pdf(data) if file.mimetype == PDF else words_of_text(data)
        )
    file.read_at = timezone.now()
    # It may have been deleted meanwhile; then nothing of it is kept.
    MediaFile.objects.filter(pk=file.pk, state=MediaFile.State.STORED).update(
        text=file.text, pages=file.pages, error=file.error, read_at=file.read_at
    )


def words_of_text(data: bytes) -> tuple[str, None, str]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    return _plain(text), None, ""


def words_of_pdf(data: bytes) -> tuple[str, int | None, str]:
    """Its words, its pages, and why it could not be read."""
    try:
        found = child.run("pdf_words.py", data)
        return _plain(found["text"]), found["pages"], ""
    except child.Unreadable as error:
        return "", None, str(error)


def _plain(text: str) -> str:
    """What both databases can hold."""
    text = text.replace("\0", "").encode("utf-8", "replace").decode()
    return text[:CHARACTERS].strip()
