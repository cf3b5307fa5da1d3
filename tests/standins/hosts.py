"""Where an agent runs."""

from dataclasses import dataclass

LOCAL = "127.0.0.1"


@dataclass(frozen=True)
class Host:
    name: str
    address: str
    link: str = ""  # its cable, if it has one

    def command(self, *command: str) -> list[str]:
        """What runs a command there, in the process that starts it."""
        if not self.link:
            return list(command)
        enter = ["ip", "netns", "exec", self.name, "unshare", "--uts", "sh", "-c"]
        return [*enter, 'hostname "$0"; exec "$@"', self.name, *command]
