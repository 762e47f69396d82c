"""schemathesis against the OpenAPI document of a running flowctl: prints `N cases`, and fails when one of them does."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import requests
from conftest import PASSWORD, SERVER, wait_for

HERE = Path(__file__).parent
RUNS = [("pipeline", "first"), ("pipeline", "second"), ("broken", "first")]


def log_in():
    login = {"username": "admin", "password": PASSWORD}
    return requests.post(f"{SERVER}/auth/token", json=login, timeout=60).json()["access_token"]


class World:
    """Things to ask for."""

    def __init__(self, token):
        self.headers = {"Authorization": f"Bearer {token}"}

    def get(self, path):
        return requests.get(f"{SERVER}/api/v2{path}", headers=self.headers, timeout=60).json()

    def post(self, path, body):
        answer = requests.post(f"{SERVER}/api/v2{path}", json=body, headers=self.headers, timeout=60)
        assert answer.ok, f"{path}: {answer.text}"

    def is_logged_in(self):
        return requests.get(f"{SERVER}/api/v2/dags", headers=self.headers, timeout=60).ok

    def fill(self):
        wait_for("the DAGs", lambda: self.get("/dags")["total_entries"] >= 6)
        for dag_id, run_id in RUNS:
            self.post(f"/dags/{dag_id}/dagRuns", {"dag_run_id": run_id})
        for dag_id, run_id in RUNS:
            path = f"/dags/{dag_id}/dagRuns/{run_id}"
            wait_for("its end", lambda: self.get(path)["state"] in ["success", "failed"])
        self.post("/pools", {"name": "gpu", "slots": 2})
        self.post("/variables", {"key": "day", "value": "monday"})
        self.post("/connections", {"connection_id": "warehouse", "conn_type": "postgres", "host": "localhost"})
        self.post("/backfills", {"dag_id": "daily", "from_date": "2026-02-01T00:00:00Z", "to_date": "2026-02-02T00:00:00Z"})


def main():
    token = log_in()
    World(token).fill()
    environment = os.environ | {"FLOWCTL_TOKEN": token, "SCHEMATHESIS_HOOKS": "known"}
    environment["PYTHONPATH"] = f"{HERE}:{os.environ.get('PYTHONPATH', '')}"
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", HERE / "schemathesis.toml", "run"]
        command += [f"{SERVER}/openapi.json", "--report", "json", "--report-json-path", report, *sys.argv[1:]]
        ended = subprocess.run(command, cwd=folder, env=environment, check=False)
        if report.exists():
            print(json.loads(report.read_text())["test_cases"]["generated"], "cases")
    assert World(token).is_logged_in(), "a case ended the session of all that followed"
    sys.exit(ended.returncode)


if __name__ == "__main__":
    main()
