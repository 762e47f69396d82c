CREATE TABLE waited (
    dag_run_id     bigint NOT NULL,
    attempt_token  bigint NOT NULL,
    awaited        json NOT NULL,
    PRIMARY KEY (dag_run_id, attempt_token)
);
COMMENT ON TABLE waited IS 'Insert-only: what waits that are over were for. Written in the commit that ends the task instance, for people who ask what its templates became.';
COMMENT ON COLUMN waited.dag_run_id IS 'The run.';
COMMENT ON COLUMN waited.attempt_token IS 'The attempt that waited.';
COMMENT ON COLUMN waited.awaited IS 'model::wait::Awaited, with its secrets sealed.';
