from django.contrib import admin
from django.db.models import Model
from django.forms import ModelForm
from django.http import HttpRequest

from llm.admin_records import BoundedPaginator


class KeptAdmin(admin.ModelAdmin):
    """Rows that come from WhatsApp, of which staff change some fields."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        return False

    def save_model(
        self, request: HttpRequest, obj: Model, form: ModelForm, change: bool
    ) -> None:
        # The worker writes the other fields of the same row meanwhile.
        obj.save(update_fields=form.changed_data)
