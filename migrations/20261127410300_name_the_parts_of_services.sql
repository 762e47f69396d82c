-- What each process does, so that it can be told apart whether somebody reads the DAG folder.
ALTER TABLE service
    ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY,
    ADD COLUMN parts text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN service.number IS 'A number for programs that know services by one';
COMMENT ON COLUMN service.parts IS 'What it does, at most eight of: scheduler, triggerer, dag_processor';
UPDATE service SET parts = ARRAY[kind];
