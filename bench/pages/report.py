"""What was measured on the small and the big database, side by side."""

import re
from dataclasses import dataclass

HEAD = (
    "page",
    "queries",
    "small",
    "p50 ms",
    "p95 ms",
    "cpu ms",
    "small",
    "ratio",
    "met",
)
TARGET_MS = 150


@dataclass(frozen=True)
class Row:
    page: str
    queries: int
    queries_small: int | None
    median_ms: float
    p95_ms: float
    cpu_ms: float  # of one core; on a busy machine the others tell of the others
    small_ms: float | None
    status: int

    @property
    def is_met(self) -> bool:
        is_constant = self.queries <= (self.queries_small or self.queries)
        return self.median_ms <= TARGET_MS and is_constant and self.status < 400

    @property
    def cells(self) -> tuple[str, ...]:
        ratio = f"{self.median_ms / self.small_ms:.1f}" if self.small_ms else "-"
        met = "yes" if self.is_met else "NO"
        return (
            self.page[:90],
            str(self.queries),
            "-" if self.queries_small is None else str(self.queries_small),
            f"{self.median_ms:.0f}",
            f"{self.p95_ms:.0f}",
            f"{self.cpu_ms:.0f}",
            f"{self.small_ms:.0f}" if self.small_ms else "-",
            ratio,
            met if self.status < 400 else f"HTTP {self.status}",
        )


def rows(small: dict, big: dict) -> list[Row]:
    return [_row(label, small.get(label), page) for label, page in big.items()]


def _row(label: str, small: dict | None, big: dict) -> Row:
    return Row(
        label,
        big["queries"],
        small and small["queries"],
        big["median"] * 1000,
        big["p95"] * 1000,
        big["cpu"] * 1000,
        small and small["median"] * 1000,
        big["status"],
    )


def explained(rows: list[Row], big: dict) -> str:
    """Of each page that is too slow: the queries that make it so."""
    lines = []
    for row in rows:
        if row.median_ms <= TARGET_MS:
            continue
        page = big[row.page]
        lines.append(f"\n{row.page}: {row.median_ms:.0f} ms, {page['url']}")
        for query in page["slow_queries"]:
            milliseconds = query["seconds"] * 1000
            lines.append(f"  {milliseconds:.0f} ms: {_short(query['sql'])}")
            lines.append(f"      {query['params']}")
            lines += [f"      {step}" for step in query["plan"]]
        if not page["slow_queries"]:
            lines.append("  It is no query.")
    return "\n".join(lines)


def _short(sql: str) -> str:
    """Without the names of all columns: FROM where, and on."""
    found = re.sub(r"^SELECT .{300,}? FROM ", "SELECT ... FROM ", sql, count=1)
    return found[:900]
