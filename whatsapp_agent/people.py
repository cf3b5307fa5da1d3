"""Who may sign in and do what, and who did what.

Nobody may hand out more than they hold: only superusers make or change superusers, and
whoever manages people manages those who may do no more than themselves.
"""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.db.models import ManyToManyField, Q, QuerySet
from django.forms import CheckboxSelectMultiple, ModelMultipleChoiceField
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from llm.admin_records import RecordAdmin, SinceFilter

admin.site.unregister([User, Group])


def held(person: User) -> QuerySet[Permission]:
    """Also while they may not sign in: then nobody asks Django for it."""
    return Permission.objects.filter(
        Q(user=person) | Q(group__in=person.groups.all())
    ).distinct()


def is_beyond(permissions: QuerySet[Permission], user: User) -> bool:
    """Whether there is one among them that the user does not have."""
    if user.is_superuser:
        return False
    return permissions.exclude(pk__in=held(user).values("pk")).exists()


def within(user: User) -> QuerySet[Group]:
    """The groups that hold no more than the user does."""
    if user.is_superuser:
        return Group.objects.all()
    others = Permission.objects.exclude(pk__in=held(user).values("pk"))
    return Group.objects.exclude(permissions__in=others)


@admin.register(User)
class PersonAdmin(UserAdmin):
    list_display = (
        "username",
        "signs_in",
        "first_name",
        "last_name",
        "email",
        "is_active",
        "is_staff",
        "is_superuser",
        "last_login",
    )
    list_select_related = ("identity",)
    show_facets = admin.ShowFacets.NEVER
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("first_name", "last_name", "email")}),
        (
            _("May"),
            {"fields": ("is_active", "is_staff", "is_superuser", "groups")},
        ),
        (
            _("Single permissions"),
            {"classes": ("collapse",), "fields": ("user_permissions",)},
        ),
        (
            _("Sign-in"),
            {"fields": ("signs_in", "identity", "last_login", "date_joined")},
        ),
    )
    readonly_fields = ("signs_in", "identity", "last_login", "date_joined")
    # Of people from the provider, which says it anew at each of their sign-ins.
    theirs = (
        *("username", "first_name", "last_name", "email"),
        *("is_staff", "is_superuser", "groups"),
    )

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if not hasattr(obj, "identity"):
            return fieldsets
        # Theirs would never be asked for.
        return ((None, {"fields": ("username",)}), *fieldsets[1:])

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        fields = self.readonly_fields
        if hasattr(obj, "identity"):
            fields += self.theirs
        if not request.user.is_superuser:
            fields += ("is_superuser", "user_permissions")
        return fields

    @admin.display(description=_("signs in"))
    def signs_in(self, person: User) -> str:
        if not hasattr(person, "identity"):
            return _("here, by password")
        issuer = person.identity.issuer
        is_current = issuer == settings.OIDC_ISSUER
        return _("through %s") % (
            settings.OIDC_NAME if is_current else urlsplit(issuer).hostname
        )

    def formfield_for_manytomany(
        self, db_field: ManyToManyField, request: HttpRequest, **kwargs: Any
    ) -> ModelMultipleChoiceField | None:
        if db_field.name == "groups":
            kwargs["queryset"] = within(request.user)
        kwargs["widget"] = CheckboxSelectMultiple
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def has_change_permission(
        self, request: HttpRequest, obj: User | None = None
    ) -> bool:
        may = super().has_change_permission(request, obj)
        return may and _may_manage(request.user, obj)

    def has_delete_permission(
        self, request: HttpRequest, obj: User | None = None
    ) -> bool:
        may = super().has_delete_permission(request, obj)
        return may and _may_manage(request.user, obj)


def _may_manage(user: User, person: User | None) -> bool:
    if person is None or user.is_superuser:
        return True
    return not person.is_superuser and not is_beyond(held(person), user)


@admin.register(Group)
class RoleAdmin(GroupAdmin):
    filter_horizontal = ()

    def formfield_for_manytomany(
        self, db_field: ManyToManyField, request: HttpRequest, **kwargs: Any
    ) -> ModelMultipleChoiceField | None:
        if not request.user.is_superuser:
            kwargs["queryset"] = held(request.user)
        kwargs["widget"] = CheckboxSelectMultiple
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def has_change_permission(
        self, request: HttpRequest, obj: Group | None = None
    ) -> bool:
        may = super().has_change_permission(request, obj)
        return may and not (obj and is_beyond(obj.permissions.all(), request.user))

    def has_delete_permission(
        self, request: HttpRequest, obj: Group | None = None
    ) -> bool:
        may = super().has_delete_permission(request, obj)
        return may and not (obj and is_beyond(obj.permissions.all(), request.user))


class DoneFilter(SinceFilter):
    field = "action_time"


@admin.register(LogEntry)
class AuditAdmin(RecordAdmin):
    list_display = ("action_time", "user", "action", "kind", "about", "what")
    list_filter = (DoneFilter, "action_flag")
    list_select_related = ("user", "content_type")
    fields = ("action_time", "user", "action", "kind", "about", "what")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict | None = None
    ) -> HttpResponse:
        context = {"title": _("Audit log"), **(extra_context or {})}
        return super().changelist_view(request, context)

    @admin.display(description=_("action"))
    def action(self, entry: LogEntry) -> str:
        return entry.get_action_flag_display()

    @admin.display(description=_("kind"), empty_value="")
    def kind(self, entry: LogEntry) -> str:
        return entry.content_type.name if entry.content_type else ""

    @admin.display(description=_("on what"), empty_value="")
    def about(self, entry: LogEntry) -> str:
        name = Truncator(entry.object_repr).chars(80)
        if url := self._page(entry):
            return format_html('<a href="{}"><bdi>{}</bdi></a>', url, name)
        return format_html("<bdi>{}</bdi>", name)

    @admin.display(description=_("what"), empty_value="")
    def what(self, entry: LogEntry) -> str:
        text = Truncator(entry.get_change_message()).chars(300)
        return format_html('<span dir="auto">{}</span>', text)

    def _page(self, entry: LogEntry) -> str:
        """Where the row is, if it has a page and was not deleted by this entry."""
        if entry.is_deletion() or not entry.content_type:
            return ""
        kind = entry.content_type
        name = f"{self.admin_site.name}:{kind.app_label}_{kind.model}_change"
        try:
            return reverse(name, args=[entry.object_id])
        except NoReverseMatch:
            return ""
