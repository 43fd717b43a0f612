from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy import addresses, passwords
from deploy.cli.main import main
from deploy.errors import UserError
from deploy.settings import Settings, description, names, variable
from deploy.settings_sources import load


def test_the_environment_stands_above_the_file_and_the_file_above_the_default(tmp_path: Path) -> None:
    (tmp_path / "gospulse.toml").write_text('workers = 3\nflush_interval_s = 2\nkafka = ["a:1", "b:2"]\n')
    settings = load({"GOSPULSE_WORKERS": "5"}, tmp_path)
    assert (settings.workers, settings.flush_interval_s, settings.inserts_per_s) == (5, 2.0, 10.0)
    assert settings.kafka.bootstrap == ("a:1", "b:2")
    assert settings.origins["workers"] == "GOSPULSE_WORKERS"
    assert settings.origins["flush_interval_s"] == f"{tmp_path / 'gospulse.toml'}: flush_interval_s"
    assert settings.origins["inserts_per_s"] == "default"


def test_a_path_in_a_file_begins_at_the_file_and_one_in_the_environment_where_one_stands(tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "x.toml").write_text('data = "state"\nkafka_ca = "ca.pem"\n')
    settings = load({"GOSPULSE_CONFIG": "etc/x.toml", "GOSPULSE_CLICKHOUSE_CA": "here.pem"}, tmp_path)
    assert (settings.data, settings.kafka_ca) == (folder / "state", folder / "ca.pem")
    assert settings.clickhouse_ca == tmp_path / "here.pem"


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"GOSPULSE_KAFAK": "x:1"}, "unknown setting GOSPULSE_KAFAK; did you mean GOSPULSE_KAFKA?"),
        ({"GOSPULSE_WORKERS": "0"}, "GOSPULSE_WORKERS: Expected `int` >= 1"),
        ({"GOSPULSE_WORKERS": "two"}, "GOSPULSE_WORKERS: Expected `int`"),
        ({"GOSPULSE_KAFKA": "kafka"}, "'kafka' is not host:port"),
        ({"GOSPULSE_CLICKHOUSE": "localhost:8123"}, "expected http(s)://host:port"),
        ({"GOSPULSE_CLICKHOUSE": "http://me:secret@host:1"}, "without login"),
        ({"GOSPULSE_KAFKA_SASL": "PLAIN"}, "belong together"),
        ({"GOSPULSE_KAFKA_SASL": "plain"}, "GOSPULSE_KAFKA_SASL: expected one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"),
        ({"GOSPULSE_KAFKA_SECURITY": "TLS"}, "expected one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"),
        ({"GOSPULSE_CONFIG": "none.toml"}, "does not exist"),
        ({"GOSPULSE_KAFKA_PASSWORD_FILE": "", "GOSPULSE_REPLICATED": "perhaps"}, "GOSPULSE_REPLICATED"),
    ],
)
def test_a_mistake_is_named_with_the_way_out(environ: dict[str, str], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        load(environ, tmp_path)
    assert sentence in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("worker = 2", "unknown setting 'worker'; did you mean workers?"),
        ('kafka_password = "x"', "kafka_password is a secret and does not belong there"),
        ("workers = ", "is not valid TOML"),
        ('workers = "many"', "workers: Expected `int`"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_the_file(text: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "gospulse.toml").write_text(text)
    with pytest.raises(UserError) as caught:
        load({}, tmp_path)
    assert sentence in str(caught.value)
    assert "gospulse.toml" in str(caught.value)


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
def test_no_value_of_any_setting_raises_anything_but_a_sentence(text: str) -> None:
    for name in names():
        try:
            settings = load({variable(name): text}, Path("/nowhere"))
        except UserError as error:
            assert error.exit_code == 2
        else:
            assert isinstance(settings, Settings)


def test_an_address_that_nobody_knows_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    settings = load({}, tmp_path)
    with pytest.raises(UserError, match="run `gospulse up` or set GOSPULSE_KAFKA"):
        _ = settings.kafka
    with pytest.raises(UserError, match="run `gospulse up` or set GOSPULSE_CLICKHOUSE"):
        _ = settings.clickhouse


def test_addresses_and_passwords_of_the_running_stack_are_found_in_the_data_directory(tmp_path: Path) -> None:
    settings = load({}, tmp_path)
    passwords.generate(settings.data)
    addresses.write(settings.data, addresses.KAFKA, "127.0.0.1:9093")
    addresses.write(settings.data, addresses.CLICKHOUSE, "127.0.0.1:8124")
    assert settings.kafka.bootstrap == ("127.0.0.1:9093",)
    assert (settings.clickhouse.username, settings.clickhouse.port) == ("gospulse", 8124)
    assert settings.analyst.username == "analyst"
    assert settings.analyst.password.reveal() != settings.clickhouse.password.reveal()
    before = settings.clickhouse.password.reveal()
    passwords.generate(settings.data)
    assert settings.clickhouse.password.reveal() == before


def test_generated_passwords_are_for_their_owner_only(tmp_path: Path) -> None:
    passwords.generate(tmp_path)
    file = passwords.passwords_directory(tmp_path) / "gospulse"
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    with pytest.raises(UserError, match="can be read by others"):
        passwords.read_generated(tmp_path, "gospulse")


def test_an_existing_clickhouse_needs_a_password_and_takes_it_from_a_file(tmp_path: Path) -> None:
    environ = {"GOSPULSE_CLICKHOUSE": "https://db.example"}
    with pytest.raises(UserError, match="set GOSPULSE_CLICKHOUSE_PASSWORD_FILE or GOSPULSE_CLICKHOUSE_PASSWORD"):
        _ = load(environ, tmp_path).clickhouse
    (tmp_path / "secret").write_text("pa ss\n")
    connection = load(environ | {"GOSPULSE_CLICKHOUSE_PASSWORD_FILE": "secret"}, tmp_path).clickhouse
    assert (connection.host, connection.port, connection.secure) == ("db.example", 8443, True)
    assert connection.password.reveal() == "pa ss"


def test_config_shows_origins_and_masks_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOSPULSE_ANALYST_PASSWORD", "open sesame")
    monkeypatch.setenv("GOSPULSE_WORKERS", "4")
    for options in ([], ["--describe"], ["--json"]):
        assert main(["config", *options]) == 0
        shown = capsys.readouterr().out
        assert "open sesame" not in shown
        assert "***" in shown
    document = json.loads(shown)
    assert document["workers"] == {"value": 4, "origin": "GOSPULSE_WORKERS"}
    assert document["data"]["value"] == str(tmp_path / ".gospulse")


def test_a_secret_never_shows_in_the_settings_own_text(tmp_path: Path) -> None:
    settings = load({"GOSPULSE_KAFKA_PASSWORD": "open sesame"}, tmp_path)
    assert "open sesame" not in repr(settings)


def test_every_setting_stands_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    rows = {name: (f"| `{name}` |", f"| {description(name)} |") for name in names()}
    missing = [f"{begin} default {end}" for begin, end in rows.values() if begin not in page or end not in page]
    assert not missing, f"write these rows into the table of docs/operations.md: {missing}"
    assert all(len(description(name)) > len("None") for name in names())
    assert all("days" in name.lower() for name in names() if name.startswith("retention_"))


@pytest.mark.parametrize("name", ["kafka_ca", "kafka_certificate", "kafka_key", "clickhouse_ca"])
def test_a_file_that_is_not_there_is_named_with_its_setting(name: str, tmp_path: Path) -> None:
    environ = {variable(name): "ca.pem", "GOSPULSE_KAFKA": "k:1", "GOSPULSE_CLICKHOUSE": "https://c:1"}
    settings = load(environ | {"GOSPULSE_CLICKHOUSE_PASSWORD": "x"}, tmp_path)
    with pytest.raises(UserError) as caught:
        _ = settings.kafka, settings.clickhouse
    assert str(caught.value) == f"{variable(name)}: there is no file {tmp_path / 'ca.pem'}"
    assert caught.value.exit_code == 2
