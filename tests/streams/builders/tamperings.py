"""Damage to single rows of every table that the verifier must notice: table, statement, and what it must say."""

from __future__ import annotations

#: What is done to the rows -> (table, statement, part of the difference that names it).
TAMPERINGS = {
    "a chunk is missing": (
        "page_hour",
        "ALTER TABLE {page_hour} DELETE WHERE part = 1 AND chunk = 2",
        "partition 1 chunk 2: ",
    ),
    "a chunk is doubled": (
        "page_hour",
        "INSERT INTO {page_hour} SELECT * REPLACE (chunk + 1 AS chunk) FROM {page_hour} WHERE part = 0 AND chunk = 4",
        "partition 0 chunk 4: ",
    ),
    "the last, partial chunk is too high": (
        "page_hour",
        "INSERT INTO {page_hour} SELECT * REPLACE (comment_added + 1 AS comment_added) FROM {page_hour}"
        " WHERE part = 1 AND chunk = 6",
        "partition 1 chunk 6: ",
    ),
    "counts stand beyond the log": (
        "page_hour",
        "INSERT INTO {page_hour} SELECT * REPLACE (chunk + 100 AS chunk) FROM {page_hour} WHERE chunk = 100 LIMIT 1",
        "chunk 100: ",
    ),
    "a count stands in another place": (
        "page_hour",
        "INSERT INTO {page_hour} SELECT * REPLACE ('75000000' AS place) FROM {page_hour} WHERE chunk = 1 LIMIT 1",
        "75000000",
    ),
    "a count stands in another partition": (
        "page_hour",
        "INSERT INTO {page_hour} SELECT * REPLACE (7 AS part) FROM {page_hour} WHERE chunk = 1 LIMIT 1",
        "partition 7",
    ),
    "an appeal is missing": (
        "appeals",
        "ALTER TABLE {appeals} DELETE WHERE appeal = (SELECT max(appeal) FROM {appeals})",
        "none",
    ),
    "an appeal nobody sent": (
        "appeals",
        "INSERT INTO {appeals} SELECT * REPLACE (repeat('0', 32) AS appeal) FROM {appeals} LIMIT 1",
        "0" * 32,
    ),
    "an appeal says another place": (
        "appeals",
        "INSERT INTO {appeals} (appeal, first) SELECT appeal, tuple(first.log, first.part, first.off,"
        " first.at, first.appended,"
        " first.id, first.page, '11111111', first.channel, first.entrance, first.topic, first.source, first.load,"
        " first.thread, first.message, first.object, first.author, first.responder, first.nature, first.rating,"
        " first.urgent) FROM {appeals}"
        " WHERE first.place > '11111111' AND appeal > '1' LIMIT 1",
        "11111111",
    ),
    "an answer is missing": ("answers", "ALTER TABLE {answers} DELETE WHERE id = (SELECT max(id) FROM {answers})", ""),
    "a change is missing": (
        "appeal_changes",
        "ALTER TABLE {appeal_changes} DELETE WHERE id = (SELECT max(id) FROM {appeal_changes})",
        "",
    ),
    "a copy lies in an hour that nobody told of": (
        "appeals",
        "INSERT INTO {appeals} SELECT * REPLACE ([3600] AS hours) FROM {appeals} WHERE appeal > '8'"
        " ORDER BY appeal LIMIT 1",
        "hours",
    ),
    "a fact is missing in its hour": (
        "fact_hours",
        "ALTER TABLE {fact_hours} DELETE WHERE key = (SELECT max(key) FROM {fact_hours} WHERE fact = 'answers')",
        "answers",
    ),
    "a fact is hidden in its hour": (
        "fact_hours",
        "INSERT INTO {fact_hours} (hour, fact, key, standing) SELECT hour, fact, key, tuple(1, 0, 0) FROM {fact_hours}"
        " WHERE fact = 'appeal_changes' ORDER BY key LIMIT 1",
        "appeal_changes",
    ),
    "a message belongs to another appeal": (
        "messages",
        "INSERT INTO {messages} (message, first, names) SELECT message, tuple(first.log, first.part, first.off,"
        " first.at, first.appended, repeat('0', 32)), names FROM {messages} ORDER BY message LIMIT 1",
        "0" * 32,
    ),
    "a post is missing": (
        "posts",
        "ALTER TABLE {posts} DELETE WHERE object = (SELECT max(object) FROM {posts})",
        "post-",
    ),
    "a removal of a post is missing": (
        "post_removals",
        "ALTER TABLE {post_removals} DELETE WHERE object = (SELECT max(object) FROM {post_removals})",
        "post-",
    ),
    "somebody more was active": (
        "people_day",
        "INSERT INTO {people_day} SELECT day, place, page, arrayReduce('uniqCombined64State', [toUInt64(987654321)])"
        " FROM {people_day} WHERE page = 'vk:1' AND place = '98701000'",
        "98701000 vk:1",
    ),
    "a day of people is missing": (
        "people_day",
        "ALTER TABLE {people_day} DELETE WHERE page = 'vk:2' AND place = '98701000'",
        "98701000 vk:2",
    ),
    "a reading is newer than the log": (
        "readings",
        "INSERT INTO {readings} SELECT metric, object, period_from, period_to, source, tuple(latest.known_at + 1,"
        " latest.log, latest.part, latest.off, latest.observed_at, latest.complete_at, latest.value, latest.appended,"
        " latest.id, latest.page, latest.place, latest.channel, latest.entrance, latest.topic, latest.load)"
        " FROM {readings} FINAL WHERE object = 'vk:1' AND metric = 'views'",
        "views of vk:1",
    ),
    "a reading is missing": (
        "readings",
        "ALTER TABLE {readings} DELETE WHERE object = 'vk:2' AND metric = 'views'",
        "views of vk:2",
    ),
    "a rejection is missing": (
        "rejected",
        "ALTER TABLE {rejected} DELETE WHERE log = 1 AND off = (SELECT min(off) FROM {rejected} WHERE log = 1)",
        "log 1 ",
    ),
    "a rejection nobody made": ("rejected", "INSERT INTO {rejected} SELECT * REPLACE (7 AS part) FROM {rejected}", "7"),
    "an hour is not marked": (
        "touched",
        "ALTER TABLE {touched} DELETE WHERE hour = (SELECT max(hour) FROM {touched}) AND part = 1",
        "partition 1 2026-10-01",
    ),
    "an hour is marked that nothing touched": (
        "touched",
        "INSERT INTO {touched} SELECT * REPLACE (hour + 86400 AS hour) FROM {touched} WHERE part = 0 LIMIT 1",
        "partition 0 2026-10-02",
    ),
    "a feed was never heard": ("sources", "ALTER TABLE {sources} DELETE WHERE part = 1 AND source = 'import:test'", ""),
    "a feed told of the future": (
        "sources",
        "INSERT INTO {sources} SELECT * REPLACE (happened + 3600 AS happened) FROM {sources}"
        " WHERE source = 'vk-callback' AND log = 1 AND part = 0",
        "partition 0 vk-callback",
    ),
    "a rejection says something else": (
        "rejected",
        "INSERT INTO {rejected} SELECT * REPLACE ('No idea.' AS reason) FROM {rejected} WHERE log = 3 AND off = 0",
        "log 3 partition 0 offset 0",
    ),
}
