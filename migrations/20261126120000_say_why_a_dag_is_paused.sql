ALTER TABLE dag ADD COLUMN pause_reason text;
COMMENT ON COLUMN dag.pause_reason IS 'Why the scheduler paused it (max_consecutive_failed_dag_runs); null when a person did, or when it is not paused.';
