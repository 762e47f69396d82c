-- DAGs that people marked for themselves.
CREATE TABLE dag_favorite (
    username  text NOT NULL REFERENCES account (username) ON DELETE CASCADE,
    dag_id    text NOT NULL REFERENCES dag (dag_id) ON DELETE CASCADE,
    PRIMARY KEY (username, dag_id)
);
COMMENT ON TABLE dag_favorite IS 'DAGs that people marked for themselves; lists can be narrowed to them';
COMMENT ON COLUMN dag_favorite.username IS 'Whose mark it is';
COMMENT ON COLUMN dag_favorite.dag_id IS 'The DAG';
CREATE INDEX dag_favorite_by_dag ON dag_favorite (dag_id);
