-- Roles of one's own, and permissions for single DAGs and tags.

CREATE TABLE role (
    name        text PRIMARY KEY,
    created_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE role IS 'What accounts may do: four roles that are always there, and those that admins made.';
COMMENT ON COLUMN role.name IS 'Its name.';
COMMENT ON COLUMN role.created_at IS 'When it was created.';
INSERT INTO role (name) VALUES ('viewer'), ('user'), ('op'), ('admin');

ALTER TABLE account DROP CONSTRAINT account_role_check;
ALTER TABLE account ADD CONSTRAINT account_role_fkey FOREIGN KEY (role) REFERENCES role (name);

CREATE TABLE role_grant (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    role        text NOT NULL REFERENCES role (name) ON DELETE CASCADE,
    permission  text NOT NULL,
    dag_id      text,
    tag         text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CHECK (num_nonnulls(dag_id, tag) <= 1)
);
CREATE UNIQUE INDEX role_grant_once ON role_grant (role, permission, coalesce(dag_id, ''), coalesce(tag, ''));
COMMENT ON TABLE role_grant IS 'What a role may do beyond what it may anyway.';
COMMENT ON COLUMN role_grant.id IS 'Its id in the REST API.';
COMMENT ON COLUMN role_grant.role IS 'Whose.';
COMMENT ON COLUMN role_grant.permission IS 'Such as dag_run.create.';
COMMENT ON COLUMN role_grant.dag_id IS 'For this DAG; none with a tag: for those of the tag; none with neither: for everything.';
COMMENT ON COLUMN role_grant.tag IS 'For all DAGs that have this tag.';
COMMENT ON COLUMN role_grant.created_at IS 'When it was granted.';
