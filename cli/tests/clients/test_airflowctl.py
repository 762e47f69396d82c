"""`airflowctl`, as it is published, against flowctl.

It runs in this process: it takes seconds to start. Commands that break in it whatever the server answers are not here:
`connections create-defaults` (it prints what is nothing), `dags get-tags` (it wants no list of texts),
`dags get-stats` (it asks for a DAG per letter),
`backfill create-dry-run` (it reads the list of dates as a backfill), `--conf`, `--extra` and `--dag-run-conf` (it takes them for
a `dict` and refuses every text), `--start-date` and `--end-date` (the same with a `datetime`).
"""

import io
import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout

# Read when it is imported: no second try, and a token in a file, where a desktop would have a keyring.
os.environ |= {"AIRFLOW_CLI_API_RETRIES": "1", "AIRFLOW_CLI_DEBUG_MODE": "true", "COLUMNS": "4000"}

import pytest
from airflowctl.__main__ import main
from conftest import PASSWORD, SERVER, wait_for

LOGIN = ["--username", "admin", "--api-url", SERVER, "--password"]


def run(*arguments):
    """The exit code of a command and all that it prints."""
    said, sys.argv = io.StringIO(), ["airflowctl", *map(str, arguments)]
    with redirect_stdout(said), redirect_stderr(said):
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = ended.code or 0
    return code, said.getvalue()


def said(*arguments):
    """What a command prints; it must succeed."""
    code, text = run(*arguments)
    assert code == 0, f"{arguments}\n{text}"
    return text


def rows(*arguments):
    """The data that a command prints, which is JSON if nobody says otherwise."""
    text = said(*arguments)
    lines = text.splitlines()
    start = next((number for number, line in enumerate(lines) if line.startswith(("[", "{"))), None)
    assert start is not None, f"{arguments}\n{text}"
    return json.JSONDecoder().raw_decode("\n".join(lines[start:]))[0]


def does(*arguments):
    """A command without an output: when the answer has arrived, it looks for the format in vain."""
    with pytest.raises(AttributeError, match="'Namespace' object has no attribute 'output'"):
        run(*arguments)


def names(key, *arguments):
    return [row[key] for row in rows(*arguments)]


@pytest.fixture(scope="module", autouse=True)
def logged_in(client, tmp_path_factory):
    os.environ["AIRFLOW_HOME"] = str(tmp_path_factory.mktemp("airflow"))
    assert "Login successful" in said("auth", "login", *LOGIN, PASSWORD)


def test_it_logs_in_and_is_refused_with_a_wrong_password():
    assert rows("auth", "list-envs")[0]["status"] == "authenticated"
    assert said("auth", "token", *LOGIN, PASSWORD).strip()
    code, text = run("auth", "login", *LOGIN, "wrong")
    assert code == 1 and "Invalid credentials" in text


def test_version_processes_and_settings():
    assert "'version': " in said("version", "--remote")
    assert "SchedulerJob" in names("job_type", "jobs", "list", "--is-alive")
    assert "parallelism" in said("config", "list")
    assert "parallelism" in said("config", "get", "core", "parallelism")
    said("plugins", "list")
    said("plugins", "list-import-errors")
    said("providers", "list")


def test_dags():
    assert {"pipeline", "report", "daily"} <= set(names("dag_id", "dags", "list"))
    assert names("description", "dags", "get", "pipeline") == ["What the clients trigger"]
    assert names("dag_id", "dags", "get-details", "pipeline") == ["pipeline"]
    assert names("version_number", "dags", "list-version", "pipeline") == ["1"]
    assert names("version_number", "dags", "get-version", "pipeline", 1) == ["1"]
    assert "True" in said("dags", "pause", "report")
    assert names("is_paused", "dags", "get", "report") == ["True"]
    assert "False" in said("dags", "unpause", "report")
    assert names("is_paused", "dags", "update", "report", "--no-is-paused") == ["False"]
    assert rows("dags", "list-warning") == []
    assert "next_dagrun_run_after" in rows("dags", "next-execution", "daily")[0]
    error = rows("dags", "list-import-errors")[0]
    assert error["filename"].endswith("mistaken.yaml")
    assert names("filename", "dags", "get-import-error", error["import_error_id"]) == [error["filename"]]
    said("dags", "delete", "ended")
    code, text = run("dags", "get", "nobody")
    assert code != 0 and "nobody" in text


def test_runs_and_their_values():
    assert names("dag_run_id", "dags", "trigger", "pipeline", "--dag-run-id", "ctl") == ["ctl"]
    wait_for("success", lambda: names("state", "dagrun", "get", "pipeline", "ctl") == ["success"])
    assert "ctl" in said("dagrun", "list", "--dag-id", "pipeline", "--state", "success")
    here = ["pipeline", "ctl", "extract"]
    assert names("key", "xcom", "list", *here) == ["return_value"]
    assert names("value", "xcom", "get", *here, "return_value") == ["monday"]


def test_pools(tmp_path):
    assert names("slots", "pools", "create", "--name", "tape", "--slots", 3, "--description", "robots") == ["3"]
    assert names("slots", "pools", "update", "--pool", "tape", "--slots", 4, "--description", "arms") == ["4"]
    assert names("description", "pools", "get", "tape") == ["arms"]
    assert "tape" in names("name", "pools", "list")
    file = tmp_path / "pools.json"
    said("pools", "export", file, "-o", "json")
    assert "tape" in [pool["name"] for pool in json.loads(file.read_text())]
    file.write_text(json.dumps([{"name": "tape", "slots": 9}]))
    assert "tape" in said("pools", "import", file, "-a", "overwrite")
    assert names("slots", "pools", "get", "tape") == ["9"]
    said("pools", "delete", "tape")
    assert run("pools", "get", "tape")[0] != 0


def test_variables(tmp_path):
    assert names("value", "variables", "create", "--key", "city", "--value", "seoul") == ["seoul"]
    assert names("value", "variables", "update", "--key", "city", "--value", "busan") == ["busan"]
    file = tmp_path / "variables.json"
    file.write_text(json.dumps({"city": "daegu", "street": {"value": "main", "description": "the one"}}))
    assert "street" in said("variables", "import", file, "-a", "skip")
    assert names("value", "variables", "get", "city") == ["busan"]
    assert {"city", "street"} <= set(names("key", "variables", "list"))
    for key in ["city", "street"]:
        said("variables", "delete", key)
    assert run("variables", "get", "city")[0] != 0


def test_connections(tmp_path):
    made = ["connections", "create", "--connection-id", "site", "--conn-type", "http", "--host", "example.org"]
    assert names("host", *made) == ["example.org"]
    changed = ["connections", "update", "--connection-id", "site", "--conn-type", "http", "--host", "example.com"]
    assert names("host", *changed) == ["example.com"]
    file = tmp_path / "connections.json"
    file.write_text(json.dumps({"other": {"conn_type": "postgres", "host": "db", "password": "secret"}}))
    assert "other" in said("connections", "import", file, "-a", "fail")
    assert names("password", "connections", "get", "other") == ["***"]
    assert {"other", "site"} <= set(names("connection_id", "connections", "list"))
    for connection in ["other", "site"]:
        said("connections", "delete", connection)
    assert run("connections", "get", "site")[0] != 0


def test_backfills():
    said("dags", "unpause", "daily")
    dates = ["--from-date", "2026-03-01T00:00:00Z", "--to-date", "2026-04-30T00:00:00Z"]
    made = rows("backfill", "create", "--dag-id", "daily", *dates, "--max-active-runs", 1)[0]
    assert made["id"] in names("id", "backfill", "list", "daily")
    does("backfill", "pause", made["id"])
    assert names("is_paused", "backfill", "get", made["id"]) == ["True"]
    does("backfill", "unpause", made["id"])
    assert names("is_paused", "backfill", "get", made["id"]) == ["False"]
    does("backfill", "cancel", made["id"])
    assert names("completed_at", "backfill", "get", made["id"]) != [None]


def test_assets():
    orders = next(row["id"] for row in rows("assets", "list") if row["name"] == "orders")
    assert names("uri", "assets", "get", orders) == ["s3://lake/orders"]
    said("assets", "create-event", "--asset-id", orders)
    assert "report" in said("assets", "get-queued-events", orders)
    assert "report" in said("assets", "get-dag-queued-event", "report", orders)
    assert "report" in said("assets", "get-dag-queued-events", "report", "2100-01-01T00:00:00Z")
    said("assets", "delete-queued-event", "report", orders)
    assert run("assets", "get-queued-events", orders)[0] != 0
    for delete in [["delete-queued-events", orders], ["delete-dag-queued-events", "report", "2100-01-01T00:00:00Z"]]:
        said("assets", "create-event", "--asset-id", orders)
        said("assets", *delete)
    runs = len(rows("dagrun", "list", "--dag-id", "pipeline")[0]["dag_runs"])
    does("assets", "materialize", orders)
    assert len(rows("dagrun", "list", "--dag-id", "pipeline")[0]["dag_runs"]) == runs + 1
