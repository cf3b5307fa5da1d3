"""Questions about this project's own documents, each with words of the passage that answers it.

Written by hand, in other words than the documents where that came naturally. The search was
tuned on DEV and CHATTER, which asks for nothing that stands in the documents; on TEST never.
"""

DEV = [
    ("how do i make a copy of the database while it is running?", "copies one moment"),
    ("what happens to the agent after restoring a backup", "switches the agent off"),
    ("which address should a load balancer ask to know if it is alive", "/healthz"),
    ("are the logs available as json?", "LOG_FORMAT=json"),
    ("my phone got stolen, what now?", "block the SIM"),
    ("can I run it with docker", "docker compose up -d"),
    ("which version of Evolution do I need", "licence"),
    ("how to let people sign in with Keycloak", "realm_access.roles"),
    ("the provider says redirect_mismatch", "redirect_mismatch"),
    ("what does the badge certified promise?", "at most 30 %"),
    ("how many messages can I send per minute through the API?", "30 texts"),
    ("how do I get the next page of a list", "cursor"),
    ("does sqlite shrink after pruning", "SQLite's file does not shrink"),
    ("is redis allowed to lose its data?", "after a crash of Redis"),
    ("how long do sessions last", "SESSION_HOURS"),
]
TEST = [
    ("who can see the QR code?", "QR code"),
    ("what if the sign-in provider is not reachable any more", "BREAK_GLASS_USERNAME"),
    ("how can I change the webhook secret without losing messages", "webhook_secret_p"),
    ("how do I throw somebody out immediately", "take the tick from *Active*"),
    ("which metrics deserve an alert?", "Worth an alarm"),
    ("how do i upgrade to a new release", "collectstatic"),
    ("where are prompts kept and for how many days", "texts of messages, prompts"),
    ("can several hosts share the work?", "Worker**: one for each host"),
    ("does it find messages that came while evolution was down", "Evolution's record"),
    ("how many connections does postgres need", "max_connections"),
    ("how is the recommended threshold computed?", "least expected cost"),
    ("can whatsapp ban my number", "numbers have been banned"),
    ("what is the default port of the sandbox", "SANDBOX_PORT"),
    ("how do I create a token for the api", "api_token make"),
    ("why does it stay silent in new groups", "shadow"),
]
CHATTER = [
    "haha that was a great evening, see you all next week!",
    "does anyone have a good recipe for apple pie?",
    "who won the match yesterday?",
    "happy birthday Ana!! 🎉🎂",
    "I think the train leaves at 9, or was it 10?",
    "can somebody bring the blue tent on Friday please",
    "ok, thanks a lot, that helps me",
    "mum says hi and asks how the children are doing",
    "what's the weather like in Lisbon in March",
    "lol no way, he really said that?",
    "we should buy new chairs for the kitchen",
    "is it cheaper to fly or to drive to Vienna?",
]
