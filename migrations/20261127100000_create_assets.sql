-- Assets, their updates, and the updates that wait for the DAGs whose schedules name the assets.

CREATE TABLE asset (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uri              text NOT NULL UNIQUE,
    name             text NOT NULL,
    group_name       text NOT NULL,
    owner            text,
    description      text,
    layer            text,
    schema           json NOT NULL DEFAULT '{}',
    fresh_within_ms  bigint,
    described_by     text,
    watched_since    timestamptz,
    last_updated_at  timestamptz,
    is_overdue       boolean NOT NULL DEFAULT false,
    turned_at        timestamptz,
    created_at       timestamptz NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX asset_by_name ON asset (name);
CREATE INDEX asset_by_describer ON asset (described_by) WHERE described_by IS NOT NULL;
COMMENT ON TABLE asset IS 'What tasks make and read and DAGs wait for. A row stays when no file names it any more: its history is still true.';
COMMENT ON COLUMN asset.id IS 'Its id in the REST API.';
COMMENT ON COLUMN asset.uri IS 'What it is.';
COMMENT ON COLUMN asset.name IS 'What people call it; its URI when no file describes it.';
COMMENT ON COLUMN asset.group_name IS 'Airflow''s group; asset when no file says otherwise.';
COMMENT ON COLUMN asset.owner IS 'Who answers for it.';
COMMENT ON COLUMN asset.description IS 'In words.';
COMMENT ON COLUMN asset.layer IS 'raw, source, feature or recommendation.';
COMMENT ON COLUMN asset.schema IS 'Its columns by name: model::asset::Column.';
COMMENT ON COLUMN asset.fresh_within_ms IS 'It is to be updated at least so often; null: whenever.';
COMMENT ON COLUMN asset.described_by IS 'The DAG whose file describes it.';
COMMENT ON COLUMN asset.watched_since IS 'Since when fresh_within_ms is what it is.';
COMMENT ON COLUMN asset.last_updated_at IS 'Time of its newest event; stays when events are cleaned away.';
COMMENT ON COLUMN asset.is_overdue IS 'True: it was not updated in time, and somebody was told.';
COMMENT ON COLUMN asset.turned_at IS 'When is_overdue last changed.';
COMMENT ON COLUMN asset.created_at IS 'When it was first named.';

CREATE TABLE dag_asset (
    dag_id       text NOT NULL REFERENCES dag (dag_id) ON DELETE CASCADE,
    role         text NOT NULL CHECK (role IN ('schedule', 'outlet', 'inlet')),
    task_id      text NOT NULL DEFAULT '',
    asset_id     bigint NOT NULL REFERENCES asset (id) ON DELETE CASCADE,
    by_interval  boolean NOT NULL DEFAULT false,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (dag_id, role, task_id, asset_id)
);
CREATE INDEX dag_asset_by_asset ON dag_asset (asset_id, role);
COMMENT ON TABLE dag_asset IS 'Which assets the current version of each DAG names, and how.';
COMMENT ON COLUMN dag_asset.dag_id IS 'The DAG.';
COMMENT ON COLUMN dag_asset.role IS 'schedule: the DAG runs when it is updated; outlet: the task updates it; inlet: the task reads it.';
COMMENT ON COLUMN dag_asset.task_id IS 'The task; empty for a schedule.';
COMMENT ON COLUMN dag_asset.asset_id IS 'The asset.';
COMMENT ON COLUMN dag_asset.by_interval IS 'Of a schedule: only updates of an interval count.';
COMMENT ON COLUMN dag_asset.created_at IS 'Since when; earlier updates are not queued.';

CREATE TABLE asset_event (
    id                   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    asset_id             bigint NOT NULL REFERENCES asset (id) ON DELETE CASCADE,
    at                   timestamptz NOT NULL,
    extra                json NOT NULL DEFAULT '{}',
    dag_run_id           bigint,
    source_dag_id        text,
    source_run_id        text,
    source_task_id       text,
    source_map_index     integer NOT NULL DEFAULT -1,
    data_interval_start  timestamptz,
    data_interval_end    timestamptz,
    posted_by            text
);
CREATE INDEX asset_event_by_asset ON asset_event (asset_id, id);
CREATE INDEX asset_event_by_time ON asset_event (at);
COMMENT ON TABLE asset_event IS 'Insert-only: each update of an asset, written in the transaction of the success behind it.';
COMMENT ON COLUMN asset_event.id IS 'Primary key; grows with time.';
COMMENT ON COLUMN asset_event.asset_id IS 'The asset.';
COMMENT ON COLUMN asset_event.at IS 'When the task instance ended, or the event was posted.';
COMMENT ON COLUMN asset_event.extra IS 'What whoever updated it said; an object.';
COMMENT ON COLUMN asset_event.dag_run_id IS 'The run behind it. No foreign key: history outlives runs.';
COMMENT ON COLUMN asset_event.source_dag_id IS 'Its DAG; null for an event from outside.';
COMMENT ON COLUMN asset_event.source_run_id IS 'Its name.';
COMMENT ON COLUMN asset_event.source_task_id IS 'The task.';
COMMENT ON COLUMN asset_event.source_map_index IS 'Which element of a mapping; -1 when not mapped.';
COMMENT ON COLUMN asset_event.data_interval_start IS 'Start of the partition that was updated.';
COMMENT ON COLUMN asset_event.data_interval_end IS 'End of the partition that was updated.';
COMMENT ON COLUMN asset_event.posted_by IS 'Who posted it from outside.';

CREATE TABLE asset_queue (
    dag_id               text NOT NULL REFERENCES dag (dag_id) ON DELETE CASCADE,
    asset_event_id       bigint NOT NULL REFERENCES asset_event (id) ON DELETE CASCADE,
    asset_id             bigint NOT NULL REFERENCES asset (id) ON DELETE CASCADE,
    data_interval_start  timestamptz,
    data_interval_end    timestamptz,
    PRIMARY KEY (dag_id, asset_event_id)
);
CREATE INDEX asset_queue_by_event ON asset_queue (asset_event_id);
CREATE INDEX asset_queue_by_asset ON asset_queue (asset_id);
COMMENT ON TABLE asset_queue IS 'Events that wait for the next run of a DAG (Airflow''s asset_dag_run_queue). Written with the event, deleted with the creation of the run that takes it.';
COMMENT ON COLUMN asset_queue.dag_id IS 'Who waits.';
COMMENT ON COLUMN asset_queue.asset_event_id IS 'The event.';
COMMENT ON COLUMN asset_queue.asset_id IS 'Its asset.';
COMMENT ON COLUMN asset_queue.data_interval_start IS 'Its partition.';
COMMENT ON COLUMN asset_queue.data_interval_end IS 'Its partition.';

CREATE TABLE dag_run_asset_event (
    dag_run_id      bigint NOT NULL,
    asset_event_id  bigint NOT NULL REFERENCES asset_event (id) ON DELETE CASCADE,
    PRIMARY KEY (dag_run_id, asset_event_id)
);
CREATE INDEX dag_run_asset_event_by_event ON dag_run_asset_event (asset_event_id);
COMMENT ON TABLE dag_run_asset_event IS 'The events that a run took: its triggering_asset_events.';
COMMENT ON COLUMN dag_run_asset_event.dag_run_id IS 'The run. No foreign key: it would lock dag_run rows.';
COMMENT ON COLUMN dag_run_asset_event.asset_event_id IS 'The event.';
