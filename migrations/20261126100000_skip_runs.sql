ALTER TABLE dag ADD COLUMN skip_next integer NOT NULL DEFAULT 0 CHECK (skip_next >= 0);
COMMENT ON COLUMN dag.skip_next IS 'So many of the next scheduled runs are left out, because somebody asked for it.';

CREATE TABLE skipped_run (
    dag_id              text        NOT NULL REFERENCES dag ON DELETE CASCADE,
    data_interval_start timestamptz NOT NULL,
    data_interval_end   timestamptz NOT NULL,
    run_after           timestamptz NOT NULL,
    reason              text        NOT NULL,
    skipped_at          timestamptz NOT NULL,
    PRIMARY KEY (dag_id, data_interval_start)
);
COMMENT ON TABLE skipped_run IS 'Scheduled runs that were due and left out: insert-only, so that somebody who misses a run finds out why.';
COMMENT ON COLUMN skipped_run.dag_id IS 'The DAG.';
COMMENT ON COLUMN skipped_run.data_interval_start IS 'What the run would have covered, and its logical date.';
COMMENT ON COLUMN skipped_run.data_interval_end IS 'End of what the run would have covered.';
COMMENT ON COLUMN skipped_run.run_after IS 'When the run was due.';
COMMENT ON COLUMN skipped_run.reason IS 'Why it was left out, in words for a person.';
COMMENT ON COLUMN skipped_run.skipped_at IS 'When it was left out.';
