CREATE TABLE backfill (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dag_id              text NOT NULL,
    from_date           timestamptz NOT NULL,
    to_date             timestamptz NOT NULL,
    conf                json NOT NULL,
    is_paused           boolean NOT NULL DEFAULT false,
    reprocess_behavior  text NOT NULL CHECK (reprocess_behavior IN ('none', 'failed', 'completed')),
    max_active_runs     integer NOT NULL,
    run_backwards       boolean NOT NULL,
    on_latest_version   boolean NOT NULL,
    triggering_user     text,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    completed_at        timestamptz
);
CREATE UNIQUE INDEX backfill_active ON backfill (dag_id) WHERE completed_at IS NULL;
COMMENT ON TABLE backfill IS 'Runs of a DAG for past dates that a person asked for. One of a DAG is active at a time: the unique key decides.';
COMMENT ON COLUMN backfill.id IS 'Its id in the REST API.';
COMMENT ON COLUMN backfill.dag_id IS 'Its DAG.';
COMMENT ON COLUMN backfill.from_date IS 'First logical date.';
COMMENT ON COLUMN backfill.to_date IS 'Last logical date.';
COMMENT ON COLUMN backfill.conf IS 'What its runs are triggered with; an object.';
COMMENT ON COLUMN backfill.is_paused IS 'It makes no more runs for now.';
COMMENT ON COLUMN backfill.reprocess_behavior IS 'Which runs that exist run again: none, failed, completed.';
COMMENT ON COLUMN backfill.max_active_runs IS 'Its unfinished runs at once; they do not count against the DAG''s own.';
COMMENT ON COLUMN backfill.run_backwards IS 'The latest date first.';
COMMENT ON COLUMN backfill.on_latest_version IS 'Runs that run again do so with the DAG''s newest version.';
COMMENT ON COLUMN backfill.triggering_user IS 'Who created it.';
COMMENT ON COLUMN backfill.created_at IS 'When.';
COMMENT ON COLUMN backfill.updated_at IS 'When a person last changed it, or it ended.';
COMMENT ON COLUMN backfill.completed_at IS 'When all its runs had ended, or it was cancelled.';

CREATE TABLE backfill_dag_run (
    backfill_id   bigint NOT NULL REFERENCES backfill (id) ON DELETE CASCADE,
    ordinal       integer NOT NULL,
    logical_date  timestamptz NOT NULL,
    interval_end  timestamptz NOT NULL,
    run_id        text NOT NULL,
    dag_run_id    bigint,
    left_out      text,
    PRIMARY KEY (backfill_id, ordinal)
);
CREATE INDEX backfill_dag_run_by_run ON backfill_dag_run (dag_run_id) WHERE dag_run_id IS NOT NULL;
COMMENT ON TABLE backfill_dag_run IS 'The dates of a backfill, all written when it is created. The leader makes their runs, in order, as it has room.';
COMMENT ON COLUMN backfill_dag_run.backfill_id IS 'The backfill.';
COMMENT ON COLUMN backfill_dag_run.ordinal IS 'Order in which they run, from 1.';
COMMENT ON COLUMN backfill_dag_run.logical_date IS 'The date: start of the data interval.';
COMMENT ON COLUMN backfill_dag_run.interval_end IS 'End of the data interval.';
COMMENT ON COLUMN backfill_dag_run.run_id IS 'Name of the run if it is created.';
COMMENT ON COLUMN backfill_dag_run.dag_run_id IS 'Its run, created or run again; null: not yet, or left out.';
COMMENT ON COLUMN backfill_dag_run.left_out IS 'Why it has no run and will have none.';
