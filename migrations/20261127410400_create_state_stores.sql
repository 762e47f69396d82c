-- Values that programs keep beside task instances and assets.
CREATE TABLE task_state (
    dag_run_id  bigint NOT NULL,
    task_id     text NOT NULL,
    map_index   integer NOT NULL DEFAULT -1,
    key         text NOT NULL,
    value       json NOT NULL,
    updated_at  timestamptz NOT NULL,
    expires_at  timestamptz,
    PRIMARY KEY (dag_run_id, task_id, map_index, key)
);
COMMENT ON TABLE task_state IS 'Values that programs keep beside a task instance: they outlive its attempts, and go with its run';
COMMENT ON COLUMN task_state.dag_run_id IS 'Its run';
COMMENT ON COLUMN task_state.task_id IS 'Its task';
COMMENT ON COLUMN task_state.map_index IS 'Its element of a mapping; -1: none';
COMMENT ON COLUMN task_state.key IS 'Name of the value';
COMMENT ON COLUMN task_state.value IS 'The value; never null';
COMMENT ON COLUMN task_state.updated_at IS 'When it was last set';
COMMENT ON COLUMN task_state.expires_at IS 'From then on it is not there any more; null: it stays';

CREATE TABLE asset_state (
    asset_id    bigint NOT NULL REFERENCES asset (id) ON DELETE CASCADE,
    key         text NOT NULL,
    value       json NOT NULL,
    updated_at  timestamptz NOT NULL,
    PRIMARY KEY (asset_id, key)
);
COMMENT ON TABLE asset_state IS 'Values that programs keep beside an asset';
COMMENT ON COLUMN asset_state.asset_id IS 'The asset';
COMMENT ON COLUMN asset_state.key IS 'Name of the value';
COMMENT ON COLUMN asset_state.value IS 'The value; never null';
COMMENT ON COLUMN asset_state.updated_at IS 'When it was last set';
