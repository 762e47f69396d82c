-- Remarks that people make on task instances.

CREATE TABLE task_instance_note (
    dag_run_id  bigint NOT NULL,
    task_id     text NOT NULL,
    map_index   integer NOT NULL,
    content     text NOT NULL,
    written_by  text NOT NULL,
    written_at  timestamptz NOT NULL,
    PRIMARY KEY (dag_run_id, task_id, map_index)
);
COMMENT ON TABLE task_instance_note IS 'A person''s remark on a task instance. It names its task by id, so it stays where it is when the run is pinned to another version. No column of task_instance: that stays narrow.';
COMMENT ON COLUMN task_instance_note.dag_run_id IS 'Its run.';
COMMENT ON COLUMN task_instance_note.task_id IS 'Its task.';
COMMENT ON COLUMN task_instance_note.map_index IS 'Element of a mapping; -1 when not mapped.';
COMMENT ON COLUMN task_instance_note.content IS 'The remark.';
COMMENT ON COLUMN task_instance_note.written_by IS 'Who wrote it.';
COMMENT ON COLUMN task_instance_note.written_at IS 'When.';
