"""Runs one python task of flowctl: `python flowctl_runner.py SCRATCH_FOLDER`.

Reads `request.json` from the attempt's scratch folder, calls what it names, and leaves `result.json` there.
Values of other tasks are asked for through the Unix socket that FLOWCTL_SOCKET names, one question a connection.
Standard library only; works from Python 3.8.
"""

import ast
import datetime
import importlib
import inspect
import json
import linecache
import os
import runpy
import socket
import sys
import textwrap
import traceback

RETURN_VALUE = "return_value"
TRIGGERING = "triggering_asset_events"
PREVIOUS_SUCCESS = {
    "prev_data_interval_start_success": "data_interval_start",
    "prev_data_interval_end_success": "data_interval_end",
    "prev_start_date_success": "start_date",
    "prev_end_date_success": "end_date",
}


class Names(dict):
    """A mapping whose keys can also be read as attributes."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Refused(Exception):
    """The task did something that flowctl cannot accept; the text is the reason."""


def ask(question):
    """Asks the worker; the answer's `value`."""
    path = os.environ["FLOWCTL_SOCKET"]
    # Through the folder's descriptor, because a socket's own path may have 107 bytes at most.
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect("/proc/self/fd/%d/%s" % (folder, os.path.basename(path)))
            connection.sendall(json.dumps(question).encode() + b"\n")
            connection.shutdown(socket.SHUT_WR)
            chunks = []
            while True:
                chunk = connection.recv(65536)
                if not chunk:
                    break
                chunks.append(chunk)
    finally:
        os.close(folder)
    answer = json.loads(b"".join(chunks) or b'{"error": "the worker did not answer"}')
    if "error" in answer:
        raise RuntimeError(answer["error"])
    return answer.get("value")


def instant(text):
    """An RFC 3339 text as an aware datetime."""
    if text is None:
        return None
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def as_json(value, what):
    """Checks that a value is JSON and returns it as JSON reads it back."""
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        kind = type(value)
        name = kind.__qualname__ if kind.__module__ == "builtins" else kind.__module__ + "." + kind.__qualname__
        raise Refused("%s is a %s, which is not JSON: %s" % (what, name, error)) from None


class TaskInstance:
    """Airflow's `ti`, as far as a task uses it."""

    def __init__(self, facts):
        self.dag_id = facts["dag_id"]
        self.task_id = facts["task_id"]
        self.run_id = facts["run_id"]
        self.try_number = facts["try_number"]
        self.max_tries = facts["max_tries"]
        self.map_index = facts["map_index"]
        self.pushed = {}
        self.outlet_events = None

    def xcom_pull(self, task_ids=None, key=RETURN_VALUE, default=None, map_indexes=None, **unused):
        """The value that a task of this run pushed; a list of them for a list of task ids, or of a mapped task."""
        if task_ids is None:
            raise ValueError("xcom_pull needs task_ids")
        if isinstance(task_ids, str):
            if map_indexes is not None and not isinstance(map_indexes, int):
                return [self._pull_one(task_ids, key, default, map_index) for map_index in map_indexes]
            return self._pull_one(task_ids, key, default, map_indexes)
        return [self.xcom_pull(task_id, key, default, map_indexes) for task_id in task_ids]

    def _pull_one(self, task_id, key, default, map_index):
        answer = ask({"xcom": {"task_id": task_id, "key": key, "map_index": map_index}})
        if answer is None:
            print("warning: no XCom `%s` of task `%s`" % (key, task_id), file=sys.stderr, flush=True)
            return default
        return answer["found"]

    def xcom_push(self, key, value, **unused):
        """Keeps a value under a key, for other tasks of this run."""
        self.pushed[str(key)] = as_json(value, "the XCom `%s`" % key)


class Asset(Names):
    """What a task reads or updates: `uri`, `name`, `group`."""

    def __hash__(self):
        return hash(self["uri"])

    def __str__(self):
        return self["uri"]


def uri_of(key, assets):
    """The URI of an asset that is named by its URI, its name, or itself."""
    text = getattr(key, "uri", None) or getattr(key, "name", None) or key
    for asset in assets:
        if text in (asset["uri"], asset["name"]):
            return asset["uri"]
    return None


def event_of(facts):
    """An asset event with times as times."""
    event = Names(facts, asset=Asset(facts["asset"]), uri=facts["asset"]["uri"], name=facts["asset"]["name"])
    for name in ("timestamp", "data_interval_start", "data_interval_end"):
        event[name] = instant(event[name])
    run = event["source_dag_run"]
    if run is not None:
        times = ("logical_date", "data_interval_start", "data_interval_end", "run_after", "start_date", "end_date")
        event["source_dag_run"] = Names(run, **{name: instant(run[name]) for name in times})
    return event


class ByAsset(dict):
    """A mapping by URI that takes the asset itself for a key, too."""

    def __missing__(self, key):
        uri = getattr(key, "uri", None)
        if uri is None or uri not in self:
            raise KeyError(key)
        return self[uri]


class InletEvents:
    """Airflow's `inlet_events`: the newest events of each inlet, asked for when they are looked at."""

    def __init__(self, inlets):
        self._inlets = inlets
        self._known = {}

    def __getitem__(self, key):
        uri = uri_of(key, self._inlets)
        if uri is None:
            raise KeyError("`%s` is not among the `inlets` of the task" % (key,))
        if uri not in self._known:
            self._known[uri] = [event_of(event) for event in ask({"asset_events": {"uri": uri}})]
        return self._known[uri]

    def __iter__(self):
        return iter([inlet["uri"] for inlet in self._inlets])

    def __len__(self):
        return len(self._inlets)


class OutletEvent:
    """The update of an outlet to come; `extra` goes with it when the task succeeds."""

    def __init__(self, asset):
        self.asset = asset
        self.extra = {}


class OutletEvents:
    """Airflow's `outlet_events`: `outlet_events[uri].extra = {...}`."""

    def __init__(self, outlets):
        self._outlets = outlets
        self._events = {outlet["uri"]: OutletEvent(outlet) for outlet in outlets}
        self.checked = {}

    def __getitem__(self, key):
        uri = uri_of(key, self._outlets)
        if uri is None:
            raise KeyError("`%s` is not among the `outlets` of the task" % (key,))
        return self._events[uri]

    def __iter__(self):
        return iter(self._events)

    def __len__(self):
        return len(self._events)

    def said(self):
        """What was set, for the worker."""
        what = "`extra` of the outlet event of `%s`"
        return {uri: as_json(event.extra, what % uri) for uri, event in self._events.items() if event.extra}


class Macros:
    """Airflow's `macros`: what templates have, and the modules that only Python can have."""

    timedelta = datetime.timedelta
    json = json
    # Last, because from here on the class's body takes the name for this.
    datetime = datetime.datetime

    @staticmethod
    def ds_add(ds, days):
        """A day, so many days later."""
        return str(datetime.date.fromisoformat(str(ds)) + datetime.timedelta(days))

    @staticmethod
    def ds_format(ds, input_format, output_format):
        """A time in another form."""
        return datetime.datetime.strptime(str(ds), input_format).strftime(output_format)

    def __getattr__(self, name):
        if name in ("random", "time", "uuid"):
            return importlib.import_module(name)
        raise AttributeError("`macros` has no `%s`" % name)


def build_context(facts, ti):
    """Airflow's context, without the names that cost a question."""
    import flowctl

    logical_date = instant(facts["logical_date"])
    start = instant(facts["data_interval_start"])
    end = instant(facts["data_interval_end"])
    params = Names(facts["params"])
    dag_run = Names(
        dag_id=facts["dag_id"],
        run_id=facts["run_id"],
        run_type=facts["run_type"],
        conf=facts["conf"],
        logical_date=logical_date,
        execution_date=logical_date,
        data_interval_start=start,
        data_interval_end=end,
        run_after=instant(facts["run_after"]),
        start_date=instant(facts["started_at"]),
    )
    context = {
        "ti": ti,
        "task_instance": ti,
        "dag": Names(dag_id=facts["dag_id"], owner=facts["owner"], tags=facts["tags"], timezone=facts["timezone"]),
        "task": Names(task_id=facts["task_id"], retries=facts["retries"], owner=facts["owner"]),
        "dag_run": dag_run,
        "run_id": facts["run_id"],
        "params": params,
        "conf": facts["conf"],
        "macros": Macros(),
        "var": Names(value=flowctl._Variables(False), json=flowctl._Variables(True)),
        "conn": flowctl._Connections(),
        "map_index": facts["map_index"],
        "try_number": facts["try_number"],
        "logical_date": logical_date,
        "data_interval_start": start,
        "data_interval_end": end,
        "task_instance_key_str": "__".join([facts["dag_id"], facts["task_id"], facts["ds_nodash"] or facts["run_id"]]),
    }
    context["inlets"] = [Asset(asset) for asset in facts["inlets"]]
    context["outlets"] = [Asset(asset) for asset in facts["outlets"]]
    context["inlet_events"] = InletEvents(context["inlets"])
    context["outlet_events"] = ti.outlet_events = OutletEvents(context["outlets"])
    for name in ("ds", "ds_nodash", "ts", "ts_nodash", "ts_nodash_with_tz"):
        context[name] = facts[name]
    # Python's own `map` stays what it is where nothing is mapped.
    if facts.get("map"):
        context["map"] = Names(facts["map"])
    return context


def add_previous_success(context):
    """Adds the `prev_*_success` names."""
    known = ask({"previous_success": {}}) or {}
    for name, field in PREVIOUS_SUCCESS.items():
        context[name] = instant(known.get(field))


def add_triggering_asset_events(context):
    """Adds `triggering_asset_events`: lists of events by the URI of their asset."""
    events = ByAsset()
    # Nothing else takes events, so nobody else need ask.
    is_triggered = context["dag_run"].run_type == "asset_triggered"
    for event in ask({TRIGGERING: {}}) if is_triggered else []:
        events.setdefault(event["asset"]["uri"], []).append(event_of(event))
    context[TRIGGERING] = events


def call_with_context(function, args, kwargs, context):
    """Calls a function with what its signature asks for; `kwargs` of the DAG file win over the context."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return function(*args, **kwargs)
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    by_name = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    if takes_all or any(name in PREVIOUS_SUCCESS for name in by_name):
        add_previous_success(context)
    if takes_all or TRIGGERING in by_name:
        add_triggering_asset_events(context)
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    taken = set(positional[: len(args)])
    if takes_all:
        given = {name: value for name, value in context.items() if name not in taken}
    else:
        given = {name: context[name] for name in by_name if name in context and name not in taken}
    given.update(kwargs)
    return function(*args, **given)


def run_callable(request, context):
    """`module.function`, the module found beside the DAG file."""
    module_name, _, name = request["callable"].rpartition(".")
    if not module_name:
        raise Refused("callable `%s` is not of the form module.function" % request["callable"])
    module = importlib.import_module(module_name)
    function = getattr(module, name, None)
    if function is None:
        raise Refused("module `%s` (%s) has no `%s`" % (module_name, getattr(module, "__file__", "built in"), name))
    return call_with_context(function, request["args"], request["kwargs"], context)


def run_code(request, context):
    """The body of a function, with the context's names and the kwargs in scope."""
    body = textwrap.dedent(request["code"])
    filename = "<code of %s>" % context["ti"].task_id
    linecache.cache[filename] = (len(body), None, body.splitlines(True), filename)
    # Put into a function as a tree, not as text: so line numbers and texts over several lines stay as they are.
    tree = ast.parse("def task(): pass", filename)
    tree.body[0].body = ast.parse(body, filename).body or tree.body[0].body
    names = dict(context)
    code = compile(tree, filename, "exec")
    function_code = next(constant for constant in code.co_consts if hasattr(constant, "co_names"))
    if any(name in PREVIOUS_SUCCESS for name in function_code.co_names):
        add_previous_success(names)
    if TRIGGERING in function_code.co_names or "context" in function_code.co_names:
        add_triggering_asset_events(names)
    # The whole context under its own name, for `context["ds"]`.
    names["context"] = dict(names)
    names.update(request["kwargs"])
    names["__name__"] = "__flowctl_code__"
    exec(code, names)
    return names["task"]()


def run_script(request):
    """A file, run as a program."""
    script = request["script"]
    sys.path[0] = os.path.dirname(script)
    sys.argv = [script] + [a if isinstance(a, str) else json.dumps(a, ensure_ascii=False) for a in request["args"]]
    runpy.run_path(script, run_name="__main__")


def run(request, ti):
    """Runs what the request names; what is to be pushed."""
    context = build_context(request["context"], ti)
    if "script" in request:
        run_script(request)
        return None
    value = run_callable(request, context) if "callable" in request else run_code(request, context)
    ti.outlet_events.checked = ti.outlet_events.said()
    return as_json(value, "the return value")


def trimmed(error):
    """The traceback without the frames of this file and of the import machinery above the task's own."""
    trace = error.__traceback__
    hidden = (__file__, importlib.__file__, runpy.__file__, "<frozen runpy>", "<frozen importlib._bootstrap>")
    first = trace
    while first is not None and first.tb_frame.f_code.co_filename in hidden:
        first = first.tb_next
    return first


def in_one_line(error):
    """`ValueError: text`, as the last line of a traceback says it."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else kind.__module__ + "." + kind.__qualname__
    text = str(error)
    return "%s: %s" % (name, text) if text else name


def execute(request, ti):
    """Runs the task; the result for the worker, in which a failure is data."""
    import flowctl
    from flowctl import FailException, SkipException

    flowctl._ask = ask
    try:
        return {"status": "success", "value": run(request, ti)}
    except SkipException as error:
        return {"status": "skipped", "reason": str(error) or "SkipException"}
    except SystemExit as error:
        if error.code is None or error.code == 0:
            return {"status": "success", "value": None}
        if isinstance(error.code, int):
            return {"status": "exit", "code": error.code & 0xFF}
        print(error.code, file=sys.stderr)
        return {"status": "failed", "reason": str(error.code), "may_retry": True}
    except Refused as error:
        print(error, file=sys.stderr)
        return {"status": "failed", "reason": str(error), "may_retry": True}
    except BaseException as error:  # a KeyboardInterrupt of the task is a failure of the task
        traceback.print_exception(type(error), error, trimmed(error))
        may_retry = not isinstance(error, FailException)
        return {"status": "failed", "reason": in_one_line(error), "may_retry": may_retry}


def main():
    """Reads the request, runs the task, leaves the result."""
    scratch = sys.argv[1]
    with open(os.path.join(scratch, "request.json"), encoding="utf-8") as file:
        request = json.load(file)
    here = sys.path[0]
    sys.path[0] = request["folder"]
    # Behind the DAG's folder and the standard library, so that it shadows nothing.
    sys.path.append(here)
    sys.argv = [request.get("script", "flowctl")]
    ti = TaskInstance(request["context"])
    result = execute(request, ti)
    result["pushed"] = ti.pushed
    if result["status"] == "success" and ti.outlet_events is not None:
        result["outlet_events"] = ti.outlet_events.checked
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass
    path = os.path.join(scratch, "result.json")
    with open(path + ".part", "w", encoding="utf-8") as file:
        json.dump(result, file)
    os.replace(path + ".part", path)
    codes = {"success": 0, "skipped": 99, "failed": 1}
    sys.exit(result["code"] if result["status"] == "exit" else codes[result["status"]])


if __name__ == "__main__":
    main()
