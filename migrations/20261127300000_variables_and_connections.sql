-- Variables and connections. What is secret in them is a Fernet token: Airflow's form, so that its rows and keys fit.

CREATE TABLE variable (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key          text NOT NULL UNIQUE,
    value        text NOT NULL,
    description  text
);
COMMENT ON TABLE variable IS 'Texts by name, for templates and tasks.';
COMMENT ON COLUMN variable.id IS 'Order of creation.';
COMMENT ON COLUMN variable.key IS 'Its name.';
COMMENT ON COLUMN variable.value IS 'The text, as a Fernet token.';
COMMENT ON COLUMN variable.description IS 'For people.';

CREATE TABLE connection (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    conn_id      text NOT NULL UNIQUE,
    conn_type    text NOT NULL,
    description  text,
    host         text,
    login        text,
    password     text,
    schema       text,
    port         integer CHECK (port BETWEEN 0 AND 65535),
    extra        text
);
COMMENT ON TABLE connection IS 'How to reach other systems.';
COMMENT ON COLUMN connection.id IS 'Order of creation.';
COMMENT ON COLUMN connection.conn_id IS 'Its name.';
COMMENT ON COLUMN connection.conn_type IS 'Such as postgres or http.';
COMMENT ON COLUMN connection.description IS 'For people.';
COMMENT ON COLUMN connection.host IS 'Its host; with the protocol before it where that is not the type.';
COMMENT ON COLUMN connection.login IS 'Who logs in.';
COMMENT ON COLUMN connection.password IS 'With which password, as a Fernet token.';
COMMENT ON COLUMN connection.schema IS 'The database, or what the type calls so.';
COMMENT ON COLUMN connection.port IS 'Its port.';
COMMENT ON COLUMN connection.extra IS 'What the type needs beside this: the text of a JSON object, as a Fernet token.';
