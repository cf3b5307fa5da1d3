import json
import sys
from dataclasses import asdict

from django.core.management.base import BaseCommand

from whatsapp_agent.operations import doctor
from whatsapp_agent.operations.doctor import Finding, Level


class Command(BaseCommand):
    help = (
        "Look at everything that can be wrong, and say what to do. Exit code 1 if bad."
    )
    # They are among what it looks at.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser) -> None:
        parser.add_argument("--json", action="store_true", help="For programs.")
        parser.add_argument(
            "--offline",
            action="store_true",
            help="Ask nobody outside: no bridge, no model (which costs a word).",
        )

    def handle(self, *, offline: bool, **options) -> None:
        findings = []
        for finding in doctor.examine(only_here=offline):
            findings.append(finding)
            if not options["json"]:
                self._show(finding)
        if options["json"]:
            self._dump(findings)
        else:
            self._sum_up(findings)
        if any(finding.level == Level.BAD for finding in findings):
            sys.exit(1)

    def _show(self, finding: Finding) -> None:
        styles = {
            Level.OK: self.style.SUCCESS,
            Level.WARN: self.style.WARNING,
            Level.BAD: self.style.ERROR,
        }
        self.stdout.write(
            f"{styles[finding.level](f'{finding.level:4}')} {finding.title}"
        )
        for words in filter(None, [finding.problem, finding.remedy]):
            self.stdout.write(f"     {words}")

    def _sum_up(self, findings: list[Finding]) -> None:
        levels = [finding.level for finding in findings]
        self.stdout.write(
            f"\n{levels.count(Level.OK)} ok, {levels.count(Level.WARN)} to look at, "
            f"{levels.count(Level.BAD)} bad."
        )

    def _dump(self, findings: list[Finding]) -> None:
        self.stdout.write(json.dumps([asdict(one) for one in findings], indent=2))
