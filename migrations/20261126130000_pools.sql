-- Pools: slots that task instances of all DAGs share.

CREATE TABLE pool (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name              text NOT NULL UNIQUE,
    slots             integer NOT NULL CHECK (slots >= -1),
    description       text,
    include_deferred  boolean NOT NULL DEFAULT false,
    rate              text
);
COMMENT ON TABLE pool IS 'How many slots task instances hold at once, over all DAGs. Who holds them is in task_instance: nothing is counted here.';
COMMENT ON COLUMN pool.id IS 'Order of creation.';
COMMENT ON COLUMN pool.name IS 'What DAG files call it.';
COMMENT ON COLUMN pool.slots IS 'How many; -1 for no bound.';
COMMENT ON COLUMN pool.description IS 'For people.';
COMMENT ON COLUMN pool.include_deferred IS 'Whether deferred task instances hold their slots.';
COMMENT ON COLUMN pool.rate IS 'At most so many starts in any window of a length, such as 10/1m; null: as many as there are slots.';

INSERT INTO pool (name, slots, description) VALUES ('default_pool', 128, 'Of tasks that name no pool');

ALTER TABLE change ADD COLUMN pool text;
COMMENT ON COLUMN change.pool IS 'A pool that was created, changed or deleted.';

ALTER TABLE task ADD COLUMN pool text NOT NULL DEFAULT 'default_pool', ADD COLUMN pool_slots integer NOT NULL DEFAULT 1;
COMMENT ON COLUMN task.pool IS 'The pool whose slots it holds.';
COMMENT ON COLUMN task.pool_slots IS 'How many of them.';
