"""The report of a verification as tables and sentences in the terminal."""

from __future__ import annotations

from deploy.cli.tables import show
from streams.verify.report import Report

_TABLES = ("appeals", "answers", "appeal_changes", "page_hour", "people_day", "readings", "rejected")


def print_report(report: Report, seconds: float) -> None:
    """Print what was compared, what differs, and what a reader should know beside it."""
    _print_compared(report)
    if report.findings.kept:
        show(
            ("table", "row", "the log says", "ClickHouse holds"),
            [(d.table, d.where, d.recounted, d.stored) for d in report.findings.kept],
            title="Differences",
        )
        hidden = sum(report.findings.differences.values()) - len(report.findings.kept)
        if hidden > 0:
            print(f"and {hidden:,} more (--limit shows more of them)\n")
    for line in _lines(report):
        print(line)
    rate = report.records / seconds if seconds > 0 else 0.0
    counted = f"{report.records:,} records recounted in {seconds:.1f} s ({rate:,.0f}/s)"
    total = sum(report.findings.differences.values())
    if report.green:
        print(f"\nGREEN: generation {report.generation} holds what the log says; {counted}")
    elif total:
        print(f"\nRED: {total:,} differences in generation {report.generation}; {counted}")
    else:
        print(f"\nRED: no difference in generation {report.generation}, but not everything was judged; {counted}")
    for sentence in report.unjudged:
        print(f"Not judged: {sentence}")


def _print_compared(report: Report) -> None:
    findings = report.findings
    names = [*_TABLES, *sorted((findings.compared.keys() | findings.differences.keys()) - set(_TABLES))]
    rows = [
        (
            name,
            f"{findings.compared.get(name, 0):,}",
            f"{findings.bracketed.get(name, 0):,}",
            f"{findings.later.get(name, 0):,}",
            f"{findings.gone.get(name, 0):,}",
            f"{findings.differences.get(name, 0):,}",
        )
        for name in names
    ]
    show(("table", "equal or not", "in bounds", "newer", "log gone", "differ"), rows, right=_columns())


def _columns() -> tuple[str, ...]:
    return ("equal or not", "in bounds", "newer", "log gone", "differ")


def _lines(report: Report) -> list[str]:
    repeats = report.repeats
    copies = ", ".join(f"{number:,} of {name}" for name, number in repeats.fact_copies.items() if number) or "none"
    lines = [
        f"Repeats: further copies of facts (harmless): {copies}; dropped by the window: {repeats.dropped_by_window:,}; "
        f"beyond the window, counted again: {repeats.counted_again_engagement:,} of engagement, "
        f"{repeats.counted_again_appeals:,} of appeal kinds (in page_hour only)."
    ]
    two = report.reconciliation
    if two is not None:
        lines.append(
            f"Reconciliation of appeals: {two.facts:,} facts, {two.counted:,} counted on their way; the difference of "
            f"{two.difference:,} is {'exactly' if two.difference == two.explained else 'NOT'} the "
            f"{two.explained:,} repeats beyond the window."
        )
    elif not report.quiet:
        lines.append("Appeals were not reconciled: not all records were acknowledged yet.")
    lines.append(f"Appeals with copies in several hours: {report.appeals_in_several_hours:,}.")
    lines += [
        f"The log of {p.topic} partition {p.part} is judged from offset {p.judged_from:,}: records before it were "
        "trimmed, skipped by decision or carried over. Their rows are not recounted."
        for p in report.partitions
        if p.judged_from
    ]
    if report.deleted_logs:
        numbers = ", ".join(map(str, report.deleted_logs))
        lines.append(f"Rows of deleted topics (log {numbers}) are not recounted.")
    if missing := sum(report.findings.expired.values()):
        limits = ", ".join(f"{table} before {moment}" for table, moment in report.kept_from.items())
        lines.append(
            f"Retention may have deleted rows of {limits}: {missing:,} rows are absent, which is no difference."
        )
    behind = sum(max(0, p.end - max(p.acknowledged, p.judged_from)) for p in report.partitions)
    if behind:
        lines.append(f"{behind:,} records were not yet acknowledged when the run began: rows of them are in bounds.")
    if report.rollups_behind is None:
        lines.append("Roll-ups were not compared: not all records were acknowledged yet.")
    elif report.rollups_behind:
        names = ", ".join(report.rollups_behind)
        lines.append(f"Not compared, since the refresher of the workers has not caught up: {names}.")
    return lines
