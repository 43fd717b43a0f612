"""Mutants of rights and of personal data: the endpoint's guard, registers, identities, the adapter of VK."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant

ENDPOINT: Final = "tests/deploy/clickhouse_endpoint"
ANALYST: Final = f"{ENDPOINT}/test_analyst.py"
HISTORY: Final = "tests/ingest/registers/test_history.py"
PAGES: Final = "tests/ingest/registers/test_page_register.py"
STAMPS: Final = "tests/ingest/registers/test_stamps.py"
VK: Final = "tests/ingest/platforms/test_vk.py"

MUTANTS: Final = (
    Mutant(
        "deploy/clickhouse_endpoint/engine/guard.py",
        "elif not self.functions.may_call(text):",
        "elif False:",
        "an analyst calls functions that read files of the machine",
        (f"{ANALYST}::test_must_not_read",),
    ),
    Mutant(
        "deploy/clickhouse_endpoint/engine/guard.py",
        "if not self.functions.may_name(text):",
        "if False:",
        "an analyst passes a denied function to arrayMap by its name",
        (f"{ANALYST}::test_must_not_read",),
    ),
    Mutant(
        "deploy/clickhouse_endpoint/engine/guard.py",
        "if not self.functions.may_read_from(text):",
        "if False:",
        "an analyst reads from other servers through table functions",
        (f"{ANALYST}::test_must_not_read",),
    ),
    Mutant(
        "deploy/clickhouse_endpoint/engine/guard.py",
        '(database == "system" and not _SYSTEM_TABLES.fullmatch(table))',
        "False",
        "an analyst reads the queries of others in system tables",
        (f"{ANALYST}::test_must_not_read",),
    ),
    Mutant(
        "deploy/clickhouse_endpoint/engine/guard.py",
        "if count > 1 or kind not in (StatementClass.READ_ONLY, StatementClass.UNKNOWN):",
        "if False:",
        "an analyst's statement that writes is not rejected as such",
        (f"{ANALYST}::test_must_not_change",),
    ),
    Mutant(
        "deploy/clickhouse_endpoint/engine/functions.py",
        "return name not in self._denied and (name in self._allowed or self._combines(name))",
        "return True",
        "the list of allowed functions holds for nobody",
        (f"{ANALYST}::test_must_not_read",),
    ),
    Mutant(
        "deploy/clickhouse_endpoint/confinement.py",
        "_checked(libc.syscall(_RESTRICT_SELF, ruleset, ctypes.c_uint32(0)))",
        "pass",
        "the process of the endpoint reaches every file of its user",
        (f"{ENDPOINT}/test_confinement.py::test_a_confined_process_reaches_only_its_data",),
    ),
    Mutant(
        "deploy/clickhouse_endpoint/externals.py",
        'if [" " * node.depth + node.kind for node in nodes if node.depth < 3] != _TREE:',
        "if False:",
        "columns of an external table bring SQL that runs with the rights of the login that writes",
        (f"{ENDPOINT}/test_external_tables.py::test_a_structure_is_a_list_of_columns",),
    ),
    Mutant(
        "deploy/clickhouse_endpoint/externals.py",
        "if plain and not _PLAIN_FORMATS.fullmatch(self.format):",
        "if False:",
        "data of an analyst's external table are expressions that read files",
        (f"{ENDPOINT}/test_external_tables.py::test_an_analysts_table_holds_no_expression",),
    ),
    Mutant(
        "deploy/clickhouse_endpoint/server.py",
        "if (lack := confine([data])) is not None:",
        "if False:",
        "the endpoint starts without its confinement",
        (f"{ENDPOINT}/test_confinement.py::test_the_process_alone_keeps_files_from_sql",),
    ),
    Mutant(
        "deploy/clickhouse_endpoint/wire/connections.py",
        "transport.abort()",
        "pass",
        "sixteen clients that do not read keep all other analysts out",
        (f"{ENDPOINT}/test_late_clients.py::test_an_answer_that_nobody_takes",),
    ),
    Mutant(
        "deploy/clickhouse_endpoint/wire/logins.py",
        "if user not in _LOGINS or not right:",
        "if user not in _LOGINS:",
        "any password opens the database",
        (f"{ENDPOINT}/test_http.py::test_a_wrong_password_is_refused_with_its_code",),
    ),
    Mutant(
        "ingest/registers/page_register.py",
        "if record.from_ms <= at_ms and (record.to_ms is None or at_ms < record.to_ms):",
        "if record.from_ms <= at_ms:",
        "events of a page stay with the municipality that it left",
        (PAGES,),
    ),
    Mutant(
        "ingest/registers/page_register.py",
        "if day <= SINCE_EVER:",
        "if True:",
        "every validity begins in 1970",
        (PAGES,),
    ),
    Mutant(
        "ingest/registers/history.py",
        "day < validity.valid_to)",
        "day <= validity.valid_to)",
        "an entry is in force on the day after its last one",
        (f"{HISTORY}::test_a_validity_holds_on_its_own_days",),
    ),
    Mutant(
        "ingest/registers/history.py",
        "if not later or later[0].valid_from > end:",
        "if not later:",
        "an entry that ends goes on until the next row of the register",
        (f"{HISTORY}::test_a_row_changes_its_own_days_alone",),
    ),
    Mutant(
        "ingest/registers/stamps.py",
        "min(now_ms, record.to_ms or now_ms)",
        "record.to_ms or 2 * now_ms",
        "a stamp of today hides the move of a page tomorrow",
        (STAMPS,),
    ),
    Mutant(
        "schemas/reference/places.py",
        "for prefix in _by_prefix()}, reverse=True))",
        "for prefix in _by_prefix()}))",
        "appeals of an autonomous district count in the region around it",
        ("tests/ingest/registers/test_plan.py::test_the_longest_prefix_decides_the_region",),
    ),
    Mutant(
        "ingest/platforms/vk.py",
        "return any(found)",
        "return True",
        "anybody invents appeals of any page",
        (VK,),
    ),
    Mutant(
        "ingest/platforms/vk.py",
        "if source is None or not source.secrets:",
        "if source is None:",
        "calls of a page that has no secret yet are denied for good instead of being asked for again",
        (VK,),
    ),
    Mutant(
        "ingest/platforms/naming.py",
        "framed(*where, citizen)",
        "framed(*where)",
        "all citizens under one post share one appeal",
        (VK,),
    ),
    Mutant(
        "ingest/platforms/naming.py",
        "framed(thread, moscow_date(at_ms))",
        "framed(thread)",
        "appeals of another day count as messages of the first one",
        (VK,),
    ),
    Mutant(
        "ingest/platforms/vk_meaning.py",
        'self.known.authors.pseudonym("vk", str(author), at) if',
        "str(author) if",
        "the id of a citizen's account enters Kafka",
        (VK,),
    ),
    Mutant(
        "ingest/platforms/vk_meaning.py",
        "if message.out or message.from_id <= 0",
        "if message.from_id <= 0",
        "messages of the page itself count as appeals",
        (VK,),
    ),
    Mutant(
        "ingest/author_keys.py",
        'None if key is None else identity(key, "author", network, account)',
        'None if key is None else identity(self.keys[0].key or key, "author", network, account)',
        "the pseudonym of a citizen outlives the period of its key",
        ("tests/ingest/test_author_keys.py",),
    ),
)
