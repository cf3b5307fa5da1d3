"""The form of a text: its fields, and what it says, typed or from a file."""

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.utils.translation import gettext as _, gettext_lazy

from conversations.admin.forms import LinesInput
from conversations.knowledge import texts
from conversations.models import Conversation, KnowledgeText, KnowledgeVersion

# An address in UTF-8 takes up to four bytes a character.
MOST_BYTES = 4 * texts.LONGEST
# The instances of so many of the newest conversations are offered.
LOOKED_AT = 200


class KnowledgeForm(forms.ModelForm):
    """`seen` is the version that the sender's page showed."""

    body = forms.CharField(
        label=gettext_lazy("Text"),
        required=False,
        strip=False,
        widget=LinesInput({"rows": 16, "dir": "auto"}),
        help_text=gettext_lazy(
            "Headings (# Title) and empty lines say where it may be cut into passages."
        ),
    )
    file = forms.FileField(
        label=gettext_lazy("From a file"),
        required=False,
        help_text=gettext_lazy(
            ".txt or .md, in UTF-8; it takes the place of the text."
        ),
        widget=forms.FileInput({"accept": ".txt,.md,text/plain,text/markdown"}),
    )
    seen = forms.IntegerField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = KnowledgeText
        fields = ["title", "body", "file", "use", "is_on", "instance", "conversation"]
        labels = {
            "title": gettext_lazy("Title"),
            "use": gettext_lazy("Use"),
            "is_on": gettext_lazy("On"),
            "instance": gettext_lazy("Only in this instance"),
            "conversation": gettext_lazy("Only in this conversation"),
        }
        help_texts = {
            "use": gettext_lazy(
                "Short texts can be given always; long ones are searched."
            ),
            "instance": gettext_lazy("Its name. Empty: in all of them."),
            "conversation": gettext_lazy(
                "Its number, as in its page's address. Empty: in all of them."
            ),
        }
        widgets = {
            "title": forms.TextInput({"dir": "auto"}),
            "use": forms.RadioSelect,
            "instance": forms.TextInput({"list": "instances"}),
            "conversation": forms.NumberInput({"min": 1}),
        }

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, label_suffix="", **kwargs)
        if "use" in self.fields:
            self.fields["use"].choices = KnowledgeText.Use.choices
        self.last = texts.current(self.instance)
        if self.last and "body" in self.fields:
            self.initial |= {"body": self.last.body, "seen": self.last.number}

    def clean_file(self) -> UploadedFile | None:
        file = self.cleaned_data["file"]
        if not file:
            return None
        if not file.name.lower().endswith((".txt", ".md")):
            raise forms.ValidationError(_("Only .txt and .md can be read."))
        if file.size > MOST_BYTES:
            raise forms.ValidationError(_("It is too large."))
        try:
            self.read = file.read().decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            raise forms.ValidationError(_("It is not in UTF-8.")) from error
        if "\0" in self.read:
            raise forms.ValidationError(_("It is no text."))
        return file

    def clean(self) -> dict:
        cleaned = super().clean()
        if cleaned.get("file"):
            cleaned["body"] = self.read
        body = cleaned["body"] = (cleaned.get("body") or "").strip()
        if not body and not self.errors.keys() & {"body", "file"}:
            self.add_error("body", _("It says nothing yet."))
        if not self.errors:
            self._check(cleaned, body)
        return cleaned

    def _check(self, cleaned: dict, body: str) -> None:
        names = ("title", "use", "is_on", "instance", "conversation")
        wanted = {name: cleaned[name] for name in names}
        texts.check(KnowledgeText(pk=self.instance.pk, **wanted), body)
        seen = cleaned.get("seen")
        if self.last and seen is not None and seen != self.last.number:
            self.data = self.data.copy()
            self.data["seen"] = self.last.number
            self.add_error("body", self._disagreement(self.last))

    def _disagreement(self, last: KnowledgeVersion) -> str:
        return _(
            "%(who)s has written version %(number)d since you opened the page. Nothing"
            " was saved; save again if it is to be as you have it."
        ) % {"who": last.staff or _("Somebody"), "number": last.number}


class TryForm(forms.Form):
    """A question, and where it would be asked."""

    question = forms.CharField(
        label=gettext_lazy("Question"),
        max_length=2000,
        widget=forms.TextInput({"dir": "auto", "autofocus": True}),
    )
    before = forms.CharField(
        label=gettext_lazy("Said before"),
        max_length=2000,
        required=False,
        widget=forms.TextInput({"dir": "auto"}),
        help_text=gettext_lazy("A short question is understood by it. May be empty."),
    )
    instance = forms.CharField(
        label=gettext_lazy("In the instance"),
        max_length=100,
        required=False,
        widget=forms.TextInput({"list": "instances"}),
    )
    conversation = forms.ModelChoiceField(
        Conversation.objects,
        label=gettext_lazy("In the conversation"),
        required=False,
        widget=forms.NumberInput({"min": 1}),
        help_text=gettext_lazy(
            "Its number. Empty: in none, so only what holds for all."
        ),
    )


def instances() -> list[str]:
    newest: QuerySet = Conversation.objects.order_by("-pk")
    return sorted(set(newest.values_list("instance", flat=True)[:LOOKED_AT]))
