-- Files that the DAG processor reads although they did not change.
CREATE TABLE dag_file_request (
    relative_fileloc  text PRIMARY KEY,
    requested_at      timestamptz NOT NULL
);
COMMENT ON TABLE dag_file_request IS 'DAG files to be read again at the DAG processor''s next look, which deletes the row';
COMMENT ON COLUMN dag_file_request.relative_fileloc IS 'Path below the DAG folder';
COMMENT ON COLUMN dag_file_request.requested_at IS 'When somebody asked, or deleted the file''s DAG';
