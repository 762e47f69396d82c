-- Accounts that an identity provider vouches for, and accounts that are switched off.

ALTER TABLE account
    ADD COLUMN origin       text NOT NULL DEFAULT 'local' CHECK (origin IN ('local', 'oidc')),
    ADD COLUMN disabled_at  timestamptz;
COMMENT ON COLUMN account.origin IS 'local: with a password of its own; oidc: an identity provider vouches for it.';
COMMENT ON COLUMN account.disabled_at IS 'Since when nothing is let in with it; none: it is in use.';
COMMENT ON COLUMN account.password_hash IS 'argon2id, PHC string; empty: no password is accepted.';
