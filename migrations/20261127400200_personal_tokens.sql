-- Tokens that people make for their programs.

ALTER TABLE access_token
    ADD COLUMN id            bigint GENERATED ALWAYS AS IDENTITY,
    ADD COLUMN name          text,
    ADD COLUMN role          text REFERENCES role (name) ON DELETE CASCADE,
    ADD COLUMN last_used_at  timestamptz,
    DROP CONSTRAINT access_token_purpose_check,
    ADD CONSTRAINT access_token_purpose_check CHECK (purpose IN ('session', 'api', 'personal'));
CREATE UNIQUE INDEX access_token_by_id ON access_token (id);
CREATE UNIQUE INDEX access_token_named ON access_token (username, name) WHERE name IS NOT NULL;
COMMENT ON COLUMN access_token.id IS 'What it is called in the REST API.';
COMMENT ON COLUMN access_token.name IS 'What its owner calls it; only personal tokens have one.';
COMMENT ON COLUMN access_token.role IS 'It may do no more than this role; none: whatever its owner may.';
COMMENT ON COLUMN access_token.last_used_at IS 'When it was last presented, to a few minutes.';
COMMENT ON COLUMN access_token.purpose IS 'session: a browser''s cookie; api: what a login of a program gave; personal: made by its owner.';
