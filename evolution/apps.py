from django.apps import AppConfig


class EvolutionConfig(AppConfig):
    name = "evolution"

    def ready(self) -> None:
        from evolution import checks  # noqa: F401
