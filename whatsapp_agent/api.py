from ninja import NinjaAPI

api = NinjaAPI(title="WhatsApp agent", urls_namespace="api")
api.add_router("", "evolution.api.router")
