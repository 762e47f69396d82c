"""What the suites share: a server that runs, and who logs in to it."""

import os
import time

import airflow_client.client as airflow
import pytest
import requests

SERVER = os.environ["FLOWCTL_SERVER"]
PASSWORD = os.environ["FLOWCTL_ADMIN_PASSWORD"]


def wait_for(what, look, seconds=120):
    """The first true value that `look` gives."""
    until = time.monotonic() + seconds
    while True:
        if found := look():
            return found
        assert time.monotonic() < until, f"waited in vain for {what}"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def token():
    answer = requests.post(f"{SERVER}/auth/token", json={"username": "admin", "password": PASSWORD}, timeout=60)
    assert answer.status_code == 201, answer.text
    return answer.json()["access_token"]


@pytest.fixture(scope="session")
def client(token):
    with airflow.ApiClient(airflow.Configuration(host=SERVER, access_token=token)) as client:
        dags = airflow.DAGApi(client)
        wait_for("the DAGs", lambda: dags.get_dags().total_entries >= 5)
        yield client


@pytest.fixture
def succeeded(client):
    """A run of `pipeline` that succeeded."""
    runs = airflow.DagRunApi(client)
    run = runs.trigger_dag_run("pipeline", airflow.TriggerDAGRunPostBody(conf={"day": "friday"}))
    wait_for("success", lambda: runs.get_dag_run("pipeline", run.dag_run_id).state == "success")
    return run.dag_run_id


@pytest.fixture
def failed(client):
    """A run of `broken` that failed."""
    runs = airflow.DagRunApi(client)
    run = runs.trigger_dag_run("broken", airflow.TriggerDAGRunPostBody())
    wait_for("failure", lambda: runs.get_dag_run("broken", run.dag_run_id).state == "failed")
    return run.dag_run_id
