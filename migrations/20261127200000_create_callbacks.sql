-- Messages about what happened to tasks and runs, the tries to deliver each, and the deadlines that were missed.

CREATE TABLE callback (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dag_run_id      bigint NOT NULL,
    dag_version_id  bigint NOT NULL,
    task_index      integer,
    map_index       integer NOT NULL DEFAULT -1,
    try_number      integer NOT NULL,
    max_tries       integer NOT NULL,
    event           text NOT NULL CHECK (event IN ('success', 'failure', 'retry', 'skipped', 'deadline')),
    block           integer NOT NULL,
    channel         text NOT NULL CHECK (channel IN ('slack', 'webhook', 'email')),
    task_state      text NOT NULL,
    reason          text,
    deadline        timestamptz,
    mapped          json,
    happened_at     timestamptz NOT NULL,
    state           text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'success', 'failed')),
    tries           integer NOT NULL DEFAULT 0,
    due_at          timestamptz NOT NULL DEFAULT now(),
    ended_at        timestamptz
) WITH (fillfactor = 80);
CREATE INDEX callback_pending ON callback (due_at) WHERE state = 'pending';
CREATE INDEX callback_by_run ON callback (dag_run_id);
COMMENT ON TABLE callback IS 'Outbox: one row for each notify block of something that happened, written in the commit of the change itself, so that it is delivered at least once whatever dies. No foreign keys: they would lock dag_run rows.';
COMMENT ON COLUMN callback.id IS 'Primary key; grows with what happens.';
COMMENT ON COLUMN callback.dag_run_id IS 'The run.';
COMMENT ON COLUMN callback.dag_version_id IS 'The version whose block it is, which the run was pinned to then.';
COMMENT ON COLUMN callback.task_index IS 'The task, in that version; null: the run as a whole.';
COMMENT ON COLUMN callback.map_index IS 'Element of a mapping; -1 when the task is not mapped.';
COMMENT ON COLUMN callback.try_number IS 'The attempt that it is about; 0: none was made.';
COMMENT ON COLUMN callback.max_tries IS 'Greatest try number that might be made then.';
COMMENT ON COLUMN callback.event IS 'What happened.';
COMMENT ON COLUMN callback.block IS 'Which of the event''s blocks, from 0.';
COMMENT ON COLUMN callback.channel IS 'Over what it goes.';
COMMENT ON COLUMN callback.task_state IS 'The state of the task or the run when it happened.';
COMMENT ON COLUMN callback.reason IS 'Why it happened, in words for a person.';
COMMENT ON COLUMN callback.deadline IS 'The deadline that was missed.';
COMMENT ON COLUMN callback.mapped IS 'model::mapping::Mapped: what its templates may name of mappings, which nobody knows any more when the run has ended.';
COMMENT ON COLUMN callback.happened_at IS 'When it happened.';
COMMENT ON COLUMN callback.state IS 'pending, success (somebody took it), failed (given up).';
COMMENT ON COLUMN callback.tries IS 'How often its delivery was begun.';
COMMENT ON COLUMN callback.due_at IS 'When it is to be tried next; while somebody tries, when others may take it for abandoned.';
COMMENT ON COLUMN callback.ended_at IS 'When it was delivered or given up.';

CREATE TABLE callback_try (
    callback_id  bigint NOT NULL REFERENCES callback (id) ON DELETE CASCADE,
    number       integer NOT NULL,
    started_at   timestamptz NOT NULL,
    ended_at     timestamptz NOT NULL,
    answer       text,
    error        text,
    PRIMARY KEY (callback_id, number)
);
COMMENT ON TABLE callback_try IS 'Insert-only: the log of each callback. A number that is missing was begun by a process that died.';
COMMENT ON COLUMN callback_try.callback_id IS 'The callback.';
COMMENT ON COLUMN callback_try.number IS 'From 1.';
COMMENT ON COLUMN callback_try.started_at IS 'When the delivery began.';
COMMENT ON COLUMN callback_try.ended_at IS 'When it ended.';
COMMENT ON COLUMN callback_try.answer IS 'What the other side said; null when it said nothing.';
COMMENT ON COLUMN callback_try.error IS 'Why it was not delivered; null when it was.';

CREATE TABLE missed_deadline (
    dag_run_id  bigint NOT NULL,
    task_id     text NOT NULL,
    map_index   integer NOT NULL DEFAULT -1,
    due_at      timestamptz NOT NULL,
    missed_at   timestamptz NOT NULL,
    PRIMARY KEY (dag_run_id, task_id, map_index, due_at)
);
COMMENT ON TABLE missed_deadline IS 'Insert-only: deadlines that passed before their task or run had finished. Its key is what makes each of them fire once.';
COMMENT ON COLUMN missed_deadline.dag_run_id IS 'The run.';
COMMENT ON COLUMN missed_deadline.task_id IS 'The task; empty: the run as a whole.';
COMMENT ON COLUMN missed_deadline.map_index IS 'Element of a mapping; -1 when the task is not mapped.';
COMMENT ON COLUMN missed_deadline.due_at IS 'When it passed.';
COMMENT ON COLUMN missed_deadline.missed_at IS 'When that was noticed.';
