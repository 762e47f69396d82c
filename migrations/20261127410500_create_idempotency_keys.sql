-- Requests that a client may repeat, and what they were answered.
CREATE TABLE idempotency_key (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username    text NOT NULL REFERENCES account (username) ON DELETE CASCADE,
    key         text NOT NULL,
    request     text NOT NULL,
    answer      text,
    created_at  timestamptz NOT NULL,
    held_until  timestamptz NOT NULL,
    UNIQUE (username, key)
);
COMMENT ON TABLE idempotency_key IS 'Requests with an Idempotency-Key of the last 24 hours';
COMMENT ON COLUMN idempotency_key.id IS 'Surrogate key; dag_run.request_id names it';
COMMENT ON COLUMN idempotency_key.username IS 'Whose key it is';
COMMENT ON COLUMN idempotency_key.key IS 'As the client made it up';
COMMENT ON COLUMN idempotency_key.request IS 'Hash of method, path and body, encrypted like a secret';
COMMENT ON COLUMN idempotency_key.answer IS 'Status, content type and body, encrypted like a secret; null: there is none yet';
COMMENT ON COLUMN idempotency_key.created_at IS 'When the request first came';
COMMENT ON COLUMN idempotency_key.held_until IS 'Until then somebody is thought to be at work on it';
CREATE INDEX idempotency_key_by_time ON idempotency_key (created_at);

ALTER TABLE dag_run ADD COLUMN request_id bigint;
COMMENT ON COLUMN dag_run.request_id IS 'The request with an Idempotency-Key that created it; such a request creates one run only';
CREATE UNIQUE INDEX dag_run_by_request ON dag_run (request_id) WHERE request_id IS NOT NULL;
