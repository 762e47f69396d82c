"""`apache-airflow-client`, as it is published, against flowctl."""

import json
from datetime import datetime, timezone

import airflow_client.client as airflow
import pytest
from airflow_client.client.exceptions import (
    ApiException,
    ConflictException,
    NotFoundException,
    UnauthorizedException,
)
from conftest import SERVER, wait_for


def utc(*date):
    return datetime(*date, tzinfo=timezone.utc)


def refused(status, call, *args, **kwargs):
    """The body of a refusal with this status."""
    with pytest.raises(ApiException) as caught:
        call(*args, **kwargs)
    assert caught.value.status == status, caught.value
    assert caught.value.headers["content-type"] == "application/json"
    return json.loads(caught.value.body)["detail"]


def test_version_and_health_need_no_login():
    with airflow.ApiClient(airflow.Configuration(host=SERVER)) as nobody:
        assert airflow.VersionApi(nobody).get_version().version
        health = airflow.MonitorApi(nobody).get_health()
        assert (health.metadatabase.status, health.scheduler.status) == ("healthy", "healthy")
        with pytest.raises(UnauthorizedException):
            airflow.DAGApi(nobody).get_dags()


def test_dags_are_listed_filtered_and_described(client):
    dags = airflow.DAGApi(client)
    listed = dags.get_dags(tags=["clients"], order_by=["-dag_id"], limit=2)
    assert [dag.dag_id for dag in listed.dags] == ["report", "pipeline"]
    assert listed.total_entries == 3
    assert [tag.name for tag in dags.get_dag("pipeline").tags] == ["clients", "demo"]
    details = dags.get_dag_details("pipeline")
    assert details.params["day"]["value"] == "monday"
    assert details.latest_dag_version.version_number == 1
    assert dags.get_dags(dag_id_pattern="ail%").dags[0].dag_id == "daily"
    tasks = airflow.TaskApi(client)
    assert [task.task_id for task in tasks.get_tasks("pipeline").tasks] == ["each", "extract", "load"]
    assert tasks.get_task("pipeline", "extract").downstream_task_ids == ["each"]
    assert "extracting" in airflow.DagSourceApi(client).get_dag_source("pipeline").content
    versions = airflow.DagVersionApi(client)
    assert versions.get_dag_versions("pipeline").dag_versions[0].version_number == 1
    assert versions.get_dag_version("pipeline", 1).dag_id == "pipeline"
    assert "clients" in dags.get_dag_tags().tags
    assert airflow.DagWarningApi(client).list_dag_warnings().total_entries == 0


def test_a_dag_is_paused_and_goes_on(client):
    dags = airflow.DAGApi(client)
    assert dags.patch_dag("report", airflow.DAGPatchBody(is_paused=True)).is_paused
    assert [dag.dag_id for dag in dags.get_dags(paused=True, dag_id_prefix_pattern="rep").dags] == ["report"]
    assert not dags.patch_dag("report", airflow.DAGPatchBody(is_paused=False), update_mask=["is_paused"]).is_paused
    patched = dags.patch_dags(airflow.DAGPatchBody(is_paused=False), dag_id_pattern="report")
    assert [dag.dag_id for dag in patched.dags] == ["report"]


def test_a_run_is_triggered_with_conf_and_polled_to_its_end(client):
    runs = airflow.DagRunApi(client)
    body = airflow.TriggerDAGRunPostBody(dag_run_id="first", conf={"day": "sunday"}, note="by a client")
    run = runs.trigger_dag_run("pipeline", body)
    assert (run.dag_run_id, run.run_type, run.conf, run.note) == ("first", "manual", {"day": "sunday"}, "by a client")
    wait_for("success", lambda: runs.get_dag_run("pipeline", "first").state == "success")
    assert "first" in [run.dag_run_id for run in runs.get_dag_runs("pipeline", state=["success"]).dag_runs]
    assert airflow.DagStatsApi(client).get_dag_stats(dag_ids=["pipeline"]).dags[0].dag_id == "pipeline"
    page = runs.get_dag_runs("~", limit=1, order_by=["-id"], run_after_lte=utc(2100, 1, 1))
    assert len(page.dag_runs) == 1 and page.total_entries >= 1
    batch = runs.get_list_dag_runs_batch("~", airflow.DAGRunsBatchBody(dag_ids=["pipeline"], states=["success"]))
    assert "first" in [run.dag_run_id for run in batch.dag_runs]
    lines = runs.wait_dag_run_until_finished_without_preload_content("pipeline", "first", 1, ["extract"]).data
    assert json.loads(lines.splitlines()[-1]) == {"state": "success", "results": {"extract": "sunday"}}


def test_a_run_that_exists_is_a_conflict(client, succeeded):
    runs = airflow.DagRunApi(client)
    with pytest.raises(ConflictException) as caught:
        runs.trigger_dag_run("pipeline", airflow.TriggerDAGRunPostBody(dag_run_id=succeeded))
    assert json.loads(caught.value.body)["detail"]["reason"] == "Unique constraint violation"
    dated = airflow.TriggerDAGRunPostBody(logical_date=utc(2026, 3, 1))
    runs.trigger_dag_run("pipeline", dated)
    refused(409, runs.trigger_dag_run, "pipeline", dated)


def test_a_trigger_that_is_sent_twice_starts_one_run(client):
    runs = airflow.DagRunApi(client)
    send = lambda: runs.trigger_dag_run("pipeline", airflow.TriggerDAGRunPostBody(), _headers={"Idempotency-Key": "k1"})
    assert send().dag_run_id == send().dag_run_id


def test_task_instances_their_tries_logs_and_values(client, succeeded):
    instances = airflow.TaskInstanceApi(client)
    listed = instances.get_task_instances("pipeline", succeeded, order_by=["task_id", "map_index"])
    assert [(each.task_id, each.map_index, each.state) for each in listed.task_instances] == [
        ("each", 0, "success"),
        ("each", 1, "success"),
        ("extract", -1, "success"),
        ("load", -1, "success"),
    ]
    one = instances.get_task_instance("pipeline", succeeded, "extract")
    assert (one.try_number, one.pool, one.operator) == (1, "default_pool", "bash")
    assert instances.get_mapped_task_instance("pipeline", succeeded, "each", 1).map_index == 1
    assert instances.get_mapped_task_instances("pipeline", succeeded, "each").total_entries == 2
    assert instances.get_task_instance_tries("pipeline", succeeded, "extract").task_instances[0].state == "success"
    assert instances.get_mapped_task_instance_tries("pipeline", succeeded, "each", 0).total_entries == 1
    assert instances.get_task_instance_try_details("pipeline", succeeded, "extract", 1).try_number == 1
    assert instances.get_mapped_task_instance_try_details("pipeline", succeeded, "each", 1, 0).map_index == 0
    assert instances.get_task_instance_dependencies("pipeline", succeeded, "extract").dependencies == []
    batch = airflow.TaskInstancesBatchBody(dag_ids=["pipeline"], dag_run_ids=[succeeded], state=["success"])
    assert instances.get_task_instances_batch("~", "~", batch).total_entries == 4
    log = instances.get_log("pipeline", succeeded, "extract", 1, full_content=True)
    assert "extracting friday" in log.to_str()
    refused(404, instances.get_log, "pipeline", succeeded, "extract", 7)


def test_xcoms_are_read_written_and_deleted(client, succeeded):
    xcoms = airflow.XComApi(client)
    here = ("pipeline", "extract", succeeded)
    assert xcoms.get_xcom_entry(*here, "return_value").actual_instance.value == "friday"
    assert xcoms.get_xcom_entries("pipeline", succeeded, "extract").xcom_entries[0].key == "return_value"
    made = xcoms.create_xcom_entry(*here, airflow.XComCreateBody(key="score", value={"ndcg": 0.3}))
    assert (made.key, made.value) == ("score", {"ndcg": 0.3})
    refused(409, xcoms.create_xcom_entry, *here, airflow.XComCreateBody(key="score", value=1))
    assert xcoms.update_xcom_entry(*here, "score", airflow.XComUpdateBody(value=[1, 2])).value == [1, 2]
    assert xcoms.get_xcom_entry(*here, "score", stringify=True).actual_instance.value == "[1, 2]"
    xcoms.delete_xcom_entry(*here, "score")
    refused(404, xcoms.get_xcom_entry, *here, "score")


def test_what_failed_is_cleared_and_fails_again(client, failed):
    instances, runs = airflow.TaskInstanceApi(client), airflow.DagRunApi(client)
    body = airflow.ClearTaskInstancesBody(dag_run_id=failed, task_ids=[airflow.ClearTaskInstancesBodyTaskIdsInner("breaks")], include_downstream=True)
    dry = instances.post_clear_task_instances("broken", body)
    assert sorted(each.task_id for each in dry.task_instances) == ["after", "breaks"]
    assert runs.get_dag_run("broken", failed).state == "failed"
    body.dry_run = False
    instances.post_clear_task_instances("broken", body)
    tries = lambda: instances.get_task_instance_tries("broken", failed, "breaks").total_entries
    wait_for("a second try", lambda: tries() == 2)
    wait_for("its failure", lambda: runs.get_dag_run("broken", failed).state == "failed")
    runs.clear_dag_run("broken", failed, airflow.DAGRunClearBody(dry_run=False))
    wait_for("a third try", lambda: tries() == 3)


def test_tasks_and_runs_are_marked(client, failed):
    instances, runs = airflow.TaskInstanceApi(client), airflow.DagRunApi(client)
    body = airflow.PatchTaskInstanceBody(new_state="success", note="done by hand")
    dry = instances.patch_task_instance_dry_run("broken", failed, "breaks", body)
    assert [each.task_id for each in dry.task_instances] == ["breaks"]
    marked = instances.patch_task_instance("broken", failed, "breaks", body)
    assert [(each.state, each.note) for each in marked.task_instances] == [("success", "done by hand")]
    noted = runs.patch_dag_run("broken", failed, airflow.DAGRunPatchBody(state="success", note="forgiven"))
    assert (noted.state, noted.note) == ("success", "forgiven")
    runs.delete_dag_run("broken", failed)
    refused(404, runs.get_dag_run, "broken", failed)


def test_pools_are_kept(client):
    pools = airflow.PoolApi(client)
    assert pools.post_pool(airflow.PoolBody(name="gpu", slots=2, description="cards")).open_slots == 2
    refused(409, pools.post_pool, airflow.PoolBody(name="gpu", slots=2))
    changed = pools.patch_pool("gpu", airflow.PoolPatchBody(slots=3), update_mask=["slots"])
    assert (changed.slots, changed.description) == (3, "cards")
    create = {"action": "create", "action_on_existence": "overwrite", "entities": [{"name": "gpu", "slots": 5}]}
    delete = {"action": "delete", "action_on_non_existence": "skip", "entities": ["gpu", "nobody"]}
    done = pools.bulk_pools(airflow.BulkBodyPoolBody.from_dict({"actions": [create, delete]}))
    assert (done.create.success, done.delete.success) == (["gpu"], ["gpu"])
    refused(404, pools.get_pool, "gpu")
    assert "default_pool" in [pool.name for pool in pools.get_pools().pools]


def test_variables_are_kept(client):
    variables = airflow.VariableApi(client)
    made = variables.post_variable(airflow.VariableBody(key="day", value="monday", description="of the week"))
    assert (made.key, made.value, made.is_encrypted) == ("day", "monday", True)
    refused(409, variables.post_variable, airflow.VariableBody(key="day", value="monday"))
    body = airflow.VariableBody(key="day", value="sunday", description="ignored")
    changed = variables.patch_variable("day", body, update_mask=["value"])
    assert (changed.value, changed.description) == ("sunday", "of the week")
    entities = [{"key": "day", "value": "friday"}, {"key": "hour", "value": {"h": 1}}]
    create = {"action": "create", "action_on_existence": "skip", "entities": entities}
    done = variables.bulk_variables(airflow.BulkBodyVariableBody.from_dict({"actions": [create]}))
    assert done.create.success == ["hour"]
    assert json.loads(variables.get_variable("hour").value) == {"h": 1}
    assert [each.key for each in variables.get_variables(variable_key_pattern="o").variables] == ["hour"]
    for key in ["day", "hour"]:
        variables.delete_variable(key)
    refused(404, variables.delete_variable, "day")


def test_connections_are_kept_and_their_passwords_hidden(client):
    connections = airflow.ConnectionApi(client)
    body = airflow.ConnectionBody(
        connection_id="warehouse", conn_type="postgres", host="db", login="etl", password="secret", port=5432
    )
    made = connections.post_connection(body)
    assert (made.connection_id, made.host, made.port, made.password) == ("warehouse", "db", 5432, "***")
    refused(409, connections.post_connection, body)
    changed = connections.patch_connection(
        "warehouse",
        airflow.ConnectionBody(connection_id="warehouse", conn_type="postgres", host="db2"),
        update_mask=["host"],
    )
    assert (changed.host, changed.login) == ("db2", "etl")
    delete = {"action": "delete", "entities": ["warehouse"]}
    done = connections.bulk_connections(airflow.BulkBodyConnectionBody.from_dict({"actions": [delete]}))
    assert done.delete.success == ["warehouse"]
    refused(404, connections.get_connection, "warehouse")
    assert connections.get_connections().total_entries == 0


def test_a_backfill_fills_in_dates(client):
    backfills, runs = airflow.BackfillApi(client), airflow.DagRunApi(client)
    body = airflow.BackfillPostBody(dag_id="daily", from_date=utc(2026, 2, 1), to_date=utc(2026, 2, 3))
    assert backfills.create_backfill_dry_run(body).total_entries == 3
    airflow.DAGApi(client).patch_dag("daily", airflow.DAGPatchBody(is_paused=False))
    made = backfills.create_backfill(body)
    assert backfills.list_backfills("daily").backfills[0].id == made.id
    wait_for("its end", lambda: backfills.get_backfill(made.id).completed_at)
    done = runs.get_dag_runs("daily", run_type=["backfill"]).dag_runs
    assert [run.state for run in done] == ["success"] * 3
    far = airflow.BackfillPostBody(dag_id="daily", from_date=utc(2026, 5, 1), to_date=utc(2026, 6, 30), max_active_runs=1)
    made = backfills.create_backfill(far)
    assert backfills.pause_backfill(made.id).is_paused
    refused(409, backfills.create_backfill, far)
    assert not backfills.unpause_backfill(made.id).is_paused
    assert backfills.cancel_backfill(made.id).completed_at
    refused(409, backfills.cancel_backfill, made.id)


def test_assets_have_events_and_start_dags(client, succeeded):
    assets = airflow.AssetApi(client)
    orders = assets.get_assets(name_pattern="orders").assets[0]
    assert (orders.name, orders.uri) == ("orders", "s3://lake/orders")
    assert assets.get_asset(orders.id).scheduled_dags[0].dag_id == "report"
    events = assets.get_asset_events(asset_id=orders.id, source_run_id=succeeded).asset_events
    assert [event.source_task_id for event in events] == ["load"]
    body = airflow.CreateAssetEventsBody(asset_id=orders.id, extra={"rows": 7})
    assert assets.create_asset_event(body).extra["rows"] == 7
    assert assets.get_dag_asset_queued_events("report").queued_events[0].asset_id == orders.id
    assert assets.get_asset_queued_events(orders.id).total_entries == 1
    assert assets.get_dag_asset_queued_event("report", orders.id).dag_id == "report"
    assets.delete_dag_asset_queued_event("report", orders.id)
    refused(404, assets.get_dag_asset_queued_events, "report")
    run = assets.materialize_asset(orders.id)
    assert run.dag_id == "pipeline"
    assert airflow.DagRunApi(client).get_upstream_asset_events("pipeline", succeeded).total_entries == 0


def test_a_person_answers_an_approval(client):
    instances, runs = airflow.TaskInstanceApi(client), airflow.DagRunApi(client)
    run = runs.trigger_dag_run("ask", airflow.TriggerDAGRunPostBody()).dag_run_id
    asked = wait_for("the question", lambda: instances.get_hitl_details("ask", run).hitl_details)
    assert (asked[0].subject, asked[0].options) == ("Ship it?", ["Approve", "Reject"])
    answer = airflow.UpdateHITLDetailPayload(chosen_options=["Approve"], params_input={})
    instances.update_hitl_detail("ask", run, "ship", -1, answer)
    wait_for("success", lambda: runs.get_dag_run("ask", run).state == "success")
    assert instances.get_hitl_detail("ask", run, "ship", -1).chosen_options == ["Approve"]
    refused(409, instances.update_hitl_detail, "ask", run, "ship", -1, answer)


def test_the_system_describes_itself(client):
    errors = airflow.ImportErrorApi(client)
    listed = errors.get_import_errors().import_errors
    assert "mistaken.yaml" in listed[0].filename and "nobody" in listed[0].stack_trace
    assert errors.get_import_error(listed[0].import_error_id).filename == listed[0].filename
    jobs = airflow.JobApi(client).get_jobs(is_alive=True).jobs
    assert "SchedulerJob" in [job.job_type for job in jobs]
    config = airflow.ConfigApi(client)
    assert "core" in [section.name for section in config.get_config().sections]
    assert config.get_config_value("core", "parallelism").sections[0].options[0].key == "parallelism"
    airflow.PluginApi(client).get_plugins()
    airflow.ProviderApi(client).get_providers()
    log = airflow.EventLogApi(client)
    event = log.get_event_logs(order_by=["-id"]).event_logs[0]
    assert log.get_event_log(event.event_log_id).owner == "admin"


def test_what_does_not_exist_is_404(client):
    with pytest.raises(NotFoundException):
        airflow.DAGApi(client).get_dag("nobody")
    assert "nobody" in refused(404, airflow.DagRunApi(client).get_dag_run, "pipeline", "nobody")
    assert "nobody" in refused(404, airflow.TaskInstanceApi(client).get_task_instances, "pipeline", "nobody")
    refused(404, airflow.DagRunApi(client).trigger_dag_run, "nobody", airflow.TriggerDAGRunPostBody())


def test_what_has_the_wrong_form_is_422_with_its_place(client):
    detail = refused(422, airflow.PoolApi(client).post_pool, airflow.PoolBody.model_construct(name="x", slots=-5))
    assert detail[0]["loc"][0] == "body"
    detail = refused(422, airflow.DagRunApi(client).get_dag_runs, "pipeline", state=["sleepy"])
    assert detail[0]["loc"][:2] == ["query", "state"]


def test_an_order_by_something_unknown_is_400(client):
    refused(400, airflow.DAGApi(client).get_dags, order_by=["colour"])


def test_a_wrong_password_and_a_wrong_token_are_401():
    with airflow.ApiClient(airflow.Configuration(host=SERVER, access_token="nonsense")) as nobody:
        with pytest.raises(UnauthorizedException):
            airflow.DAGApi(nobody).get_dags()
