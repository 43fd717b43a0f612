// What Grafana's ClickHouse data source needs: its Go client, clickhouse-go, over HTTP.
//
// The endpoint's address and passwords come from the environment: ENDPOINT_ADDRESS, ENDPOINT_WRITER, ENDPOINT_ANALYST.
package endpoint

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"github.com/shopspring/decimal"
)

var methods = map[string]clickhouse.CompressionMethod{
	"none":    clickhouse.CompressionNone,
	"gzip":    clickhouse.CompressionGZIP,
	"deflate": clickhouse.CompressionDeflate,
	"lz4":     clickhouse.CompressionLZ4,
	"zstd":    clickhouse.CompressionZSTD,
}

func options(user, password, method string) *clickhouse.Options {
	return &clickhouse.Options{
		Protocol:    clickhouse.HTTP,
		Addr:        []string{os.Getenv("ENDPOINT_ADDRESS")},
		Auth:        clickhouse.Auth{Username: user, Password: password},
		Compression: &clickhouse.Compression{Method: methods[method]},
		Settings:    clickhouse.Settings{"max_execution_time": 65},
		DialTimeout: 10 * time.Second,
		ReadTimeout: 60 * time.Second,
	}
}

func open(t *testing.T, method string) driver.Conn {
	t.Helper()
	conn, err := clickhouse.Open(options("gospulse", os.Getenv("ENDPOINT_WRITER"), method))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.Ping(context.Background()); err != nil {
		t.Fatal("ping: ", err)
	}
	return conn
}

func each(t *testing.T, check func(t *testing.T, conn driver.Conn)) {
	t.Helper()
	for method := range methods {
		t.Run(method, func(t *testing.T) { check(t, open(t, method)) })
	}
}

func run(t *testing.T, conn driver.Conn, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		if err := conn.Exec(context.Background(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

func TestTheServerIntroducesItself(t *testing.T) {
	each(t, func(t *testing.T, conn driver.Conn) {
		version, err := conn.ServerVersion()
		if err != nil {
			t.Fatal(err)
		}
		if version.DisplayName != "gospulse" || version.Version.Major < 26 || version.Revision != 0 || version.Timezone.String() != "UTC" {
			t.Fatalf("unexpected: %+v", version)
		}
	})
}

type row struct {
	Number uint64             `ch:"number"`
	Small  int8               `ch:"small"`
	Name   string             `ch:"name"`
	Maybe  *string            `ch:"maybe"`
	At     time.Time          `ch:"at"`
	Day    time.Time          `ch:"day"`
	Ratio  float64            `ch:"ratio"`
	Price  decimal.Decimal    `ch:"price"`
	Tags   []string           `ch:"tags"`
	Flags  map[string]uint8   `ch:"flags"`
	ID     uuid.UUID          `ch:"id"`
	Yes    bool               `ch:"yes"`
	Kind   string             `ch:"kind"`
	Place  string             `ch:"place"`
	Nested []map[string]int64 `ch:"nested"`
}

func TestTypesComeBackAsTheyWentIn(t *testing.T) {
	each(t, func(t *testing.T, conn driver.Conn) {
		ctx := context.Background()
		run(t, conn, "DROP DATABASE IF EXISTS go_types", "CREATE DATABASE go_types",
			`CREATE TABLE go_types.t (number UInt64, small Int8, name String, maybe Nullable(String), at DateTime64(3, 'UTC'),
			 day Date, ratio Float64, price Decimal(18, 4), tags Array(String), flags Map(String, UInt8), id UUID, yes Bool,
			 kind Enum8('a' = 1, 'b' = 2), place LowCardinality(String), nested Array(Map(String, Int64)))
			 ENGINE = MergeTree ORDER BY number`)
		const count = 100_000
		batch, err := conn.PrepareBatch(ctx, "INSERT INTO go_types.t")
		if err != nil {
			t.Fatal(err)
		}
		text := "есть"
		make := func(number int) row {
			r := row{Number: uint64(number), Small: int8(number % 100), Name: fmt.Sprintf("n'%d\n", number),
				At: time.UnixMilli(1_700_000_000_000 + int64(number)).UTC(), Day: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC),
				Ratio: float64(number) / 3, Price: decimal.New(int64(number), -4), Tags: []string{"x", "y"},
				Flags: map[string]uint8{"k": uint8(number % 256)}, ID: uuid.NewMD5(uuid.Nil, []byte{byte(number)}),
				Yes: number%2 == 0, Kind: []string{"a", "b"}[number%2], Place: fmt.Sprint("place ", number%7),
				Nested: []map[string]int64{{"deep": int64(number)}}}
			if number%3 == 0 {
				r.Maybe = &text
			}
			return r
		}
		for number := range count {
			r := make(number)
			if err := batch.AppendStruct(&r); err != nil {
				t.Fatal(err)
			}
		}
		if err := batch.Send(); err != nil {
			t.Fatal(err)
		}
		var back []row
		if err := conn.Select(ctx, &back, "SELECT * FROM go_types.t ORDER BY number"); err != nil {
			t.Fatal(err)
		}
		if len(back) != count {
			t.Fatalf("%d rows", len(back))
		}
		for number, got := range back {
			want := make(number)
			if !want.Price.Equal(got.Price) {
				t.Fatalf("price %v, want %v", got.Price, want.Price)
			}
			got.Price = want.Price
			if !reflect.DeepEqual(want, got) {
				t.Fatalf("row %d:\n%+v, want\n%+v", number, got, want)
			}
		}
		run(t, conn, "DROP DATABASE go_types")
	})
}

func TestResultsOfManyBlocks(t *testing.T) {
	each(t, func(t *testing.T, conn driver.Conn) {
		rows, err := conn.Query(context.Background(), "SELECT number, toString(number) FROM numbers(1000000)")
		if err != nil {
			t.Fatal(err)
		}
		var sum, number uint64
		var text string
		for rows.Next() {
			if err := rows.Scan(&number, &text); err != nil {
				t.Fatal(err)
			}
			sum += number
		}
		if rows.Err() != nil || sum != 999_999*1_000_000/2 {
			t.Fatal(sum, rows.Err())
		}
	})
}

func TestQueriesOfADashboard(t *testing.T) {
	conn := open(t, "gzip")
	ctx := context.Background()
	run(t, conn, "DROP DATABASE IF EXISTS go_board", "CREATE DATABASE go_board",
		"CREATE TABLE go_board.events (at DateTime64(3, 'UTC'), place LowCardinality(String), count UInt64) ENGINE = MergeTree ORDER BY at",
		"INSERT INTO go_board.events SELECT toDateTime64('2026-11-01 00:00:00', 3, 'UTC') + INTERVAL number MINUTE, toString(number % 5), number FROM numbers(50000)")
	defer run(t, conn, "DROP DATABASE go_board")
	for _, sql := range []string{
		"SELECT version()",
		"SELECT name FROM system.databases ORDER BY name",
		"SELECT name FROM system.tables WHERE database = 'go_board'",
		"SELECT name, type FROM system.columns WHERE database = 'go_board' AND table = 'events'",
		"SELECT name FROM system.functions LIMIT 100",
		"SELECT toStartOfInterval(at, INTERVAL 3600 SECOND) AS time, sum(count) AS appeals FROM go_board.events WHERE at >= fromUnixTimestamp64Milli(1761955200000) AND at <= fromUnixTimestamp64Milli(1793491200000) GROUP BY time ORDER BY time",
		"SELECT place, count() AS n, quantile(0.95)(count) AS q, max(at) AS last FROM go_board.events GROUP BY place ORDER BY n DESC LIMIT 100",
		"SELECT at AS timestamp, place AS body, 'info' AS level FROM go_board.events ORDER BY at DESC LIMIT 1000",
		"SELECT groupArray((toUnixTimestamp(at) * 1000, count)) FROM (SELECT * FROM go_board.events LIMIT 10)",
		"SELECT NULL AS nothing, CAST(NULL AS Nullable(Float64)) AS maybe, [] AS empty, map() AS none",
		"SELECT * FROM go_board.events WHERE place = 'nowhere'",
		"SHOW TABLES FROM go_board",
		"DESCRIBE TABLE go_board.events",
		"EXPLAIN SELECT * FROM go_board.events",
		"WITH a AS (SELECT 1 AS x) SELECT x FROM a UNION ALL SELECT 2",
	} {
		rows, err := conn.Query(ctx, sql)
		if err != nil {
			t.Errorf("%s: %v", sql, err)
			continue
		}
		for rows.Next() {
			values := make([]any, len(rows.ColumnTypes()))
			for i, kind := range rows.ColumnTypes() {
				values[i] = reflect.New(kind.ScanType()).Interface()
			}
			if err := rows.Scan(values...); err != nil {
				t.Errorf("%s: %v", sql, err)
				break
			}
		}
		if rows.Err() != nil {
			t.Errorf("%s: %v", sql, rows.Err())
		}
		_ = rows.Close()
	}
}

func TestParametersAndSettings(t *testing.T) {
	conn := open(t, "gzip")
	ctx := clickhouse.Context(context.Background(), clickhouse.WithParameters(clickhouse.Parameters{"n": "7", "s": "it's текст"}),
		clickhouse.WithSettings(clickhouse.Settings{"max_block_size": 99}), clickhouse.WithQueryID("go-query"))
	var number, size uint64
	var text string
	if err := conn.QueryRow(ctx, "SELECT {n:UInt64}, {s:String}, toUInt64(getSetting('max_block_size'))").Scan(&number, &text, &size); err != nil {
		t.Fatal(err)
	}
	if number != 7 || text != "it's текст" || size != 99 {
		t.Fatal(number, text, size)
	}
}

func TestErrorsNameTheirCode(t *testing.T) {
	each(t, func(t *testing.T, conn driver.Conn) {
		for sql, code := range map[string]string{
			"SELECT * FROM missing_database.t": "81",
			"SELECT nothing":                   "47",
			"SELEC 1":                          "62",
			"SELECT throwIf(1)":                "395",
			"SELECT throwIf(number = 5000000) FROM numbers(10000000)":                       "395",
			"SELECT count() FROM numbers_mt(1000000000000) SETTINGS max_execution_time = 1": "159",
		} {
			rows, err := conn.Query(context.Background(), sql)
			if err == nil {
				for rows.Next() {
				}
				err = rows.Err()
			}
			if err == nil || !strings.Contains(strings.ToLower(err.Error()), "code: "+code) {
				t.Errorf("%s: %v", sql, err)
			}
		}
	})
}

func TestACancelledContextStopsTheQuery(t *testing.T) {
	conn := open(t, "gzip")
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if err := conn.QueryRow(ctx, "SELECT sum(cityHash64(number)) /* go cancelled */ FROM numbers_mt(1000000000000000)").Err(); err == nil {
		t.Fatal("it ended")
	}
	for range 400 {
		var count uint64
		sql := "SELECT count() FROM system.processes WHERE query LIKE '%go cancelled%' AND query NOT LIKE '%processes%'"
		if err := conn.QueryRow(context.Background(), sql).Scan(&count); err != nil {
			t.Fatal(err)
		}
		if count == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the query still runs")
}

func TestTheStandardInterface(t *testing.T) {
	db := clickhouse.OpenDB(options("gospulse", os.Getenv("ENDPOINT_WRITER"), "gzip"))
	defer db.Close()
	if err := db.Ping(); err != nil {
		t.Fatal(err)
	}
	rows, err := db.Query("SELECT number AS n, toDateTime('2026-11-21 10:00:00', 'UTC') AS time FROM numbers(3)")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	count := 0
	for rows.Next() {
		var n uint64
		var at time.Time
		if err := rows.Scan(&n, &at); err != nil {
			t.Fatal(err)
		}
		count++
	}
	if count != 3 || rows.Err() != nil {
		t.Fatal(count, rows.Err())
	}
	if _, err := db.Exec("SELEC 1"); err == nil {
		t.Fatal("no error")
	}
}

func TestTheAnalystOfADashboard(t *testing.T) {
	writer := open(t, "gzip")
	run(t, writer, "CREATE DATABASE IF NOT EXISTS gospulse", "CREATE OR REPLACE VIEW gospulse.go_view AS SELECT number FROM numbers(3)")
	defer run(t, writer, "DROP VIEW gospulse.go_view")
	given := options("analyst", os.Getenv("ENDPOINT_ANALYST"), "gzip")
	given.Auth.Database = "gospulse"
	conn, err := clickhouse.Open(given)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Ping(context.Background()); err != nil {
		t.Fatal(err)
	}
	var count uint64
	if err := conn.QueryRow(context.Background(), "SELECT count() FROM go_view").Scan(&count); err != nil || count != 3 {
		t.Fatal(count, err)
	}
	if err := conn.Exec(context.Background(), "DROP VIEW gospulse.go_view"); err == nil || !strings.Contains(err.Error(), "164") {
		t.Fatal(err)
	}
	if err := conn.QueryRow(context.Background(), "SELECT count() FROM system.query_log").Err(); err == nil || !strings.Contains(err.Error(), "497") {
		t.Fatal(err)
	}
}

func TestAWrongPassword(t *testing.T) {
	conn, err := clickhouse.Open(options("gospulse", "wrong", "none"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Ping(context.Background()); err == nil || !strings.Contains(err.Error(), "516") {
		t.Fatal(err)
	}
}
