CREATE TABLE removed_task (
    dag_run_id  bigint NOT NULL,
    task_id     text NOT NULL,
    task_index  integer NOT NULL,
    operator    text NOT NULL,
    PRIMARY KEY (dag_run_id, task_id)
);
COMMENT ON TABLE removed_task IS 'Tasks that a run had before it was pinned to a newer version of its DAG, which has them no more. Their task instances are kept, in state removed, at positions behind those of the version''s tasks.';
COMMENT ON COLUMN removed_task.dag_run_id IS 'The run.';
COMMENT ON COLUMN removed_task.task_id IS 'The task''s full id.';
COMMENT ON COLUMN removed_task.task_index IS 'Position of its task instances.';
COMMENT ON COLUMN removed_task.operator IS 'bash, python, …';
