-- What asks people is few among what waits: the number beside `Approvals` on every page does not read all sensors. What
-- a wait is for never changes, so that looks stay HOT updates.

CREATE INDEX waiting_approval ON waiting (dag_run_id, task_index, map_index) WHERE awaited->>'kind' = 'approval';
COMMENT ON INDEX waiting_approval IS 'Questions to people.';
