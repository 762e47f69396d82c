-- Task instances that wait without a slot, and what people answered.

CREATE TABLE waiting (
    dag_run_id     bigint NOT NULL,
    task_index     integer NOT NULL,
    map_index      integer NOT NULL DEFAULT -1,
    attempt_token  bigint NOT NULL,
    max_tries      integer NOT NULL,
    awaited        json NOT NULL,
    since          timestamptz NOT NULL,
    deadline       timestamptz,
    looked_at      timestamptz,
    looks          integer NOT NULL DEFAULT 0,
    saw            text,
    PRIMARY KEY (dag_run_id, task_index, map_index)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON TABLE waiting IS 'What task instances in deferred, awaiting_input and up_for_reschedule wait for; of one in up_for_retry, since when it has waited. Written in the commit that begins the wait, deleted in the one that ends the task instance. Half-filled pages: looks are HOT updates.';
COMMENT ON COLUMN waiting.dag_run_id IS 'Its run.';
COMMENT ON COLUMN waiting.task_index IS 'Its task, in the run''s DAG version.';
COMMENT ON COLUMN waiting.map_index IS 'Element of a mapping; -1 when the task is not mapped.';
COMMENT ON COLUMN waiting.attempt_token IS 'The attempt that waits: what is seen is written under it.';
COMMENT ON COLUMN waiting.max_tries IS 'Of the task instance when it began to wait: a greater one there means that it was cleared since.';
COMMENT ON COLUMN waiting.awaited IS 'model::wait::Awaited: what for, with its templates rendered.';
COMMENT ON COLUMN waiting.since IS 'When the first of its attempts began to wait.';
COMMENT ON COLUMN waiting.deadline IS 'When it gives up; null: never.';
COMMENT ON COLUMN waiting.looked_at IS 'When somebody last looked; a few seconds late.';
COMMENT ON COLUMN waiting.looks IS 'How often somebody has looked.';
COMMENT ON COLUMN waiting.saw IS 'What was seen then, in words.';

CREATE TABLE approval (
    dag_run_id    bigint NOT NULL,
    task_index    integer NOT NULL,
    map_index     integer NOT NULL DEFAULT -1,
    try_number    integer NOT NULL,
    question      json NOT NULL,
    asked_at      timestamptz NOT NULL,
    chosen        text NOT NULL,
    answered_by   text NOT NULL,
    answered_at   timestamptz NOT NULL,
    PRIMARY KEY (dag_run_id, task_index, map_index, try_number)
);
CREATE INDEX approval_by_answer ON approval (answered_at);
COMMENT ON TABLE approval IS 'Insert-only: what people answered. Its key, not the web server, is what makes a second answer to one question impossible.';
COMMENT ON COLUMN approval.dag_run_id IS 'The run.';
COMMENT ON COLUMN approval.task_index IS 'The task that asked.';
COMMENT ON COLUMN approval.map_index IS 'Element of a mapping; -1 when the task is not mapped.';
COMMENT ON COLUMN approval.try_number IS 'The attempt that asked.';
COMMENT ON COLUMN approval.question IS 'model::wait::Approval.';
COMMENT ON COLUMN approval.asked_at IS 'When it was asked.';
COMMENT ON COLUMN approval.chosen IS 'The option.';
COMMENT ON COLUMN approval.answered_by IS 'The account.';
COMMENT ON COLUMN approval.answered_at IS 'When.';
