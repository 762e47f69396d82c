ALTER TABLE service ADD COLUMN drained_at timestamptz;
COMMENT ON COLUMN service.drained_at IS 'Since when it takes no new attempts, because a person wants it so. It ends with the process.';
