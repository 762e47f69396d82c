-- Lists of the runs of all DAGs, newest first, without sorting all of them.

-- run_after never changes, so what updates a run costs no more: a change of its state was no HOT update before either, for the
-- sake of dag_run_unfinished.
CREATE INDEX dag_run_by_run_after ON dag_run (run_after, id);
