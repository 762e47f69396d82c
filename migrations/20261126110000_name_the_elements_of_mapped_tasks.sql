-- What people call an element of a mapped task, where the DAG file says so.

CREATE TABLE rendered_map_index (
    dag_run_id bigint NOT NULL,
    task_index int    NOT NULL,
    map_index  int    NOT NULL,
    text       text   NOT NULL,
    PRIMARY KEY (dag_run_id, task_index, map_index)
);
COMMENT ON TABLE rendered_map_index IS 'The map_index_template of a mapped task, rendered for an element: written with its task instance. Rare, so that task_instance stays narrow.';
COMMENT ON COLUMN rendered_map_index.dag_run_id IS 'The run.';
COMMENT ON COLUMN rendered_map_index.task_index IS 'The task, in the run''s DAG version.';
COMMENT ON COLUMN rendered_map_index.map_index IS 'The element.';
COMMENT ON COLUMN rendered_map_index.text IS 'What it is called, at most 250 characters.';
