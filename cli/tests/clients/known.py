"""Half of all cases are about something that exists: chosen by what the case would have said, so that every run is the same."""

import zlib

import schemathesis

KNOWN = {
    "dag_id": ["pipeline", "broken", "report", "daily"],
    "dag_run_id": ["first", "second"],
    "task_id": ["extract", "each", "breaks", "~"],
    "map_index": [-1, 0],
    "try_number": [1],
    "task_try_number": [1],
    "xcom_key": ["return_value"],
    "version_number": [1],
    "asset_id": [1, 2],
    "backfill_id": [1],
    "import_error_id": [1],
    "pool_name": ["gpu"],
    "variable_key": ["day"],
    "connection_id": ["warehouse"],
    "event_log_id": [1],
    "file_token": ["pipeline.yaml"],
}


@schemathesis.hook
def before_call(context, case, kwargs):
    given = case.path_parameters or {}
    choice = zlib.crc32(repr((case.operation.path, case.path_parameters, case.query, case.body)).encode())
    if choice % 2:
        for name in given.keys() & KNOWN.keys():
            given[name] = KNOWN[name][(choice >> 1) % len(KNOWN[name])]
