-- Who did what. Rows are only ever added; `db clean` alone may take old ones away.

CREATE TABLE event_log (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at           timestamptz NOT NULL,
    event        text NOT NULL,
    username     text NOT NULL,
    address      inet,
    dag_id       text,
    run_id       text,
    task_id      text,
    map_index    integer,
    object_type  text,
    object_name  text,
    before       json,
    after        json
);
CREATE INDEX event_log_dag_id_id_idx ON event_log (dag_id, id);
CREATE INDEX event_log_at_idx ON event_log (at);
COMMENT ON TABLE event_log IS 'What people did, written in the transaction that did it.';
COMMENT ON COLUMN event_log.id IS 'Order of the events.';
COMMENT ON COLUMN event_log.at IS 'When.';
COMMENT ON COLUMN event_log.event IS 'What was done: the name of the operation of the REST API that does it.';
COMMENT ON COLUMN event_log.username IS 'Who did it; it may be the account of a machine that ran a command beside the database.';
COMMENT ON COLUMN event_log.address IS 'From where; none: not over the network.';
COMMENT ON COLUMN event_log.dag_id IS 'The DAG that it was done to. No key: events outlive what they tell of.';
COMMENT ON COLUMN event_log.run_id IS 'The run.';
COMMENT ON COLUMN event_log.task_id IS 'The task.';
COMMENT ON COLUMN event_log.map_index IS 'The element of a mapped task.';
COMMENT ON COLUMN event_log.object_type IS 'What else it was done to, such as pool.';
COMMENT ON COLUMN event_log.object_name IS 'Which.';
COMMENT ON COLUMN event_log.before IS 'What it was; none: it was not there. Without secrets.';
COMMENT ON COLUMN event_log.after IS 'What it is now; none: it is gone.';

CREATE FUNCTION keep_event_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('flowctl.cleans_event_log', true) = 'on' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'event_log is append-only; old rows are removed by flowctl db clean';
END $$;
COMMENT ON FUNCTION keep_event_log() IS 'Refuses whatever would change or remove an event.';
CREATE TRIGGER event_log_is_append_only BEFORE UPDATE OR DELETE ON event_log
    FOR EACH ROW EXECUTE FUNCTION keep_event_log();
CREATE TRIGGER event_log_is_not_truncated BEFORE TRUNCATE ON event_log
    FOR EACH STATEMENT EXECUTE FUNCTION keep_event_log();
