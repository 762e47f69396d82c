CREATE TABLE mark (
    dag_run_id  bigint NOT NULL,
    task_index  integer NOT NULL,
    map_index   integer NOT NULL,
    state       text NOT NULL,
    marked_by   text NOT NULL,
    marked_at   timestamptz NOT NULL,
    PRIMARY KEY (dag_run_id, task_index, map_index)
);
COMMENT ON TABLE mark IS 'Ends of task instances that a person gave them, until they are cleared.';
COMMENT ON COLUMN mark.dag_run_id IS 'The run.';
COMMENT ON COLUMN mark.task_index IS 'The task, in the run''s DAG version.';
COMMENT ON COLUMN mark.map_index IS 'Element of a mapping; -1 when not mapped.';
COMMENT ON COLUMN mark.state IS 'success, failed or skipped.';
COMMENT ON COLUMN mark.marked_by IS 'Who.';
COMMENT ON COLUMN mark.marked_at IS 'When.';

CREATE TABLE disabled_task (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dag_id       text NOT NULL,
    dag_run_id   bigint,
    task_id      text NOT NULL,
    disabled_by  text NOT NULL,
    disabled_at  timestamptz NOT NULL
);
CREATE UNIQUE INDEX disabled_task_until_further_notice ON disabled_task (dag_id, task_id) WHERE dag_run_id IS NULL;
CREATE UNIQUE INDEX disabled_task_of_a_run ON disabled_task (dag_run_id, task_id) WHERE dag_run_id IS NOT NULL;
CREATE INDEX disabled_task_by_dag ON disabled_task (dag_id);
COMMENT ON TABLE disabled_task IS 'Tasks that are skipped when their turn comes, because a person said so.';
COMMENT ON COLUMN disabled_task.id IS 'Primary key.';
COMMENT ON COLUMN disabled_task.dag_id IS 'The DAG.';
COMMENT ON COLUMN disabled_task.dag_run_id IS 'In this run; null: in all, until further notice.';
COMMENT ON COLUMN disabled_task.task_id IS 'The task''s full id.';
COMMENT ON COLUMN disabled_task.disabled_by IS 'Who.';
COMMENT ON COLUMN disabled_task.disabled_at IS 'When.';
