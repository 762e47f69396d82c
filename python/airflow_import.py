"""Reads an Airflow DAG file without running it, and writes what it found as JSON on stdout.

`flowctl import airflow` runs this with the file's path. Only the syntax tree is looked at, so Airflow need not be
installed and nothing of the file is executed. What is not understood is reported with its line, never dropped.
"""

import ast
import datetime
import json
import os
import sys

EMPTY = {"EmptyOperator", "DummyOperator"}
DAG_KEYS = {"description", "catchup", "tags", "max_active_runs", "max_active_tasks", "doc_md", "is_paused_upon_creation", "params"}
TASK_KEYS = {"retries", "trigger_rule", "depends_on_past", "pool", "pool_slots", "priority_weight", "weight_rule", "queue", "do_xcom_push", "doc_md", "multiple_outputs", "retry_exponential_backoff", "wait_for_downstream"}
TASK_DURATIONS = {"retry_delay", "execution_timeout", "max_retry_delay"}


class NotUnderstood(Exception):
    """A part of the file that this script cannot read; the node says where."""

    def __init__(self, node, what):
        super().__init__(what)
        self.line = getattr(node, "lineno", 0)


def seconds(value):
    """`90s`, `5m`, `2h`, `1d` of a timedelta."""
    total = int(value.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if total and total % size == 0:
            return "%d%s" % (total // size, unit)
    return "%ds" % total


def name_of(node):
    """`DAG` of `airflow.DAG`."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


class Reader:
    """Walks the module once, in order."""

    def __init__(self, source, stem):
        self.source, self.stem = source, stem
        self.tree = ast.parse(source)
        self.constants, self.functions, self.notes = {}, {}, []
        self.dags, self.variables, self.ended = [], {}, set()
        self.dag = None

    def note(self, node, what):
        self.notes.append({"line": getattr(node, "lineno", 0), "text": what})

    # Values ---------------------------------------------------------------------------------------------------------

    def value(self, node):
        """A literal, a name of one, a timedelta or a date."""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            if node.id in self.constants:
                return self.constants[node.id]
            raise NotUnderstood(node, "the name `%s` is not a constant of this file" % node.id)
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            return [self.value(item) for item in node.elts]
        if isinstance(node, ast.Dict):
            if any(key is None for key in node.keys):
                raise NotUnderstood(node, "`**` in a dict")
            return {self.value(key): self.value(item) for key, item in zip(node.keys, node.values)}
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -self.value(node.operand)
        if isinstance(node, ast.Call):
            return self.call_value(node)
        raise NotUnderstood(node, "the expression `%s`" % ast.unparse(node))

    def call_value(self, node):
        name = name_of(node.func)
        arguments = [self.value(argument) for argument in node.args]
        keywords = {keyword.arg: self.value(keyword.value) for keyword in node.keywords if keyword.arg not in ("tz", "tzinfo")}
        try:
            if name == "timedelta":
                return datetime.timedelta(*arguments, **keywords)
            if name in ("datetime", "date"):
                return datetime.datetime(*arguments, **keywords)
        except (TypeError, ValueError) as error:
            raise NotUnderstood(node, "`%s`: %s" % (ast.unparse(node), error)) from error
        raise NotUnderstood(node, "the call `%s`" % ast.unparse(node))

    def zone(self, node):
        """The time zone of `pendulum.datetime(…, tz="…")` or `tzinfo=pendulum.timezone("…")`."""
        for keyword in getattr(node, "keywords", []):
            if keyword.arg == "tz" and isinstance(keyword.value, ast.Constant):
                return keyword.value.value
            if keyword.arg == "tzinfo" and isinstance(keyword.value, ast.Call) and keyword.value.args:
                return self.value(keyword.value.args[0])
        return None

    # Statements -----------------------------------------------------------------------------------------------------

    def read(self):
        for node in self.tree.body:
            self.statement(node)
        return {"dags": self.dags, "notes": sorted(self.notes, key=lambda note: note["line"])}

    def statement(self, node):
        try:
            self.understood(node)
        except NotUnderstood as error:
            self.notes.append({"line": error.line or node.lineno, "text": "not understood: %s" % error})

    def understood(self, node):
        if isinstance(node, (ast.Import, ast.ImportFrom)) or is_docstring(node):
            return
        if isinstance(node, ast.FunctionDef):
            self.function(node)
        elif isinstance(node, ast.With):
            self.with_block(node)
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            self.assign(node.targets[0].id, node.value)
        elif isinstance(node, ast.Expr):
            self.expression(node.value)
        elif isinstance(node, ast.If) and "__name__" in ast.unparse(node.test):
            return
        else:
            raise NotUnderstood(node, "`%s`" % ast.unparse(node).splitlines()[0])

    def function(self, node):
        decorators = {name_of(d.func if isinstance(d, ast.Call) else d): d for d in node.decorator_list}
        if "dag" in decorators:
            outer, self.dag = self.dag, self.new_dag(decorators["dag"], node.name)
            for inner in node.body:
                self.statement(inner)
            self.dag = outer
            return
        self.functions[node.name] = (node, decorators.get("task"))
        for name in set(decorators) - {"task"}:
            raise NotUnderstood(node, "the decorator `%s`" % name)

    def with_block(self, node):
        outer = self.dag
        for item in node.items:
            if not (isinstance(item.context_expr, ast.Call) and name_of(item.context_expr.func) == "DAG"):
                raise NotUnderstood(item.context_expr, "`with %s`" % ast.unparse(item.context_expr))
            self.dag = self.new_dag(item.context_expr, None)
            if item.optional_vars is not None:
                self.variables[item.optional_vars.id] = self.dag
        for inner in node.body:
            self.statement(inner)
        self.dag = outer

    def assign(self, name, value):
        if isinstance(value, ast.Call):
            called = name_of(value.func)
            if called == "DAG":
                self.variables[name] = self.new_dag(value, None)
                return
            if is_operator(value) or self.is_task_call(value):
                self.variables[name] = self.task(value)
                return
        if isinstance(value, (ast.List, ast.Tuple)) and any(is_operator(item) for item in value.elts):
            self.variables[name] = [self.task(item) for item in value.elts]
            return
        try:
            self.constants[name] = self.value(value)
        except NotUnderstood as error:
            # It may only matter to a function of a task, whose code takes it along.
            self.constants.pop(name, None)
            if self.dag is not None:
                raise error

    def expression(self, node):
        if isinstance(node, ast.BinOp):
            self.chain(node)
        elif isinstance(node, ast.Call) and name_of(node.func) in ("set_downstream", "set_upstream"):
            here, there = self.tasks_of(node.func.value), self.tasks_of(node.args[0])
            self.edges(here, there) if node.func.attr == "set_downstream" else self.edges(there, here)
        elif isinstance(node, ast.Call) and name_of(node.func) == "chain":
            groups = [self.tasks_of(argument) for argument in node.args]
            for first, second in zip(groups, groups[1:]):
                self.edges(first, second)
        elif isinstance(node, ast.Call) and (is_operator(node) or self.is_task_call(node)):
            self.task(node)
        elif isinstance(node, ast.Call) and any(dag["dag_id"] == name_of(node.func) or dag.get("function") == name_of(node.func) for dag in self.dags):
            return  # `my_dag()` below a decorated function
        else:
            raise NotUnderstood(node, "`%s`" % ast.unparse(node))

    def chain(self, node):
        """`a >> [b, c] << d`: the tasks at its right end."""
        if not isinstance(node, ast.BinOp):
            return self.tasks_of(node)
        left, right = self.chain(node.left), self.tasks_of(node.right)
        if isinstance(node.op, ast.RShift):
            self.edges(left, right)
        elif isinstance(node.op, ast.LShift):
            self.edges(right, left)
        else:
            raise NotUnderstood(node, "`%s`" % ast.unparse(node))
        return right

    def edges(self, upstream, downstream):
        for task in downstream:
            for before in upstream:
                if before["id"] not in task["depends_on"]:
                    task["depends_on"].append(before["id"])

    def tasks_of(self, node):
        if isinstance(node, (ast.List, ast.Tuple)):
            return [task for item in node.elts for task in self.tasks_of(item)]
        if isinstance(node, ast.Name) and node.id in self.variables:
            found = self.variables[node.id]
            found = found if isinstance(found, list) else [found]
            if all("depends_on" in task for task in found):
                return found
        if isinstance(node, ast.BinOp):
            return self.chain(node)
        if isinstance(node, ast.Call) and (is_operator(node) or self.is_task_call(node)):
            return [self.task(node)]
        raise NotUnderstood(node, "`%s` is not a task of this file" % ast.unparse(node))

    # DAGs and tasks -------------------------------------------------------------------------------------------------

    def new_dag(self, node, default_id):
        dag = {"dag_id": default_id, "function": default_id, "keys": {}, "default_args": {}, "tasks": [], "line": node.lineno}
        self.dags.append(dag)
        if not isinstance(node, ast.Call):
            return dag
        for name, argument in zip(("dag_id", "description"), node.args):
            self.dag_key(dag, name, argument)
        for keyword in node.keywords:
            try:
                self.dag_key(dag, keyword.arg, keyword.value)
            except NotUnderstood as error:
                self.note(keyword.value, "`%s` of the DAG is left out: %s" % (keyword.arg, error))
        if dag["dag_id"] is None:
            dag["dag_id"] = self.stem
            self.note(node, "the DAG's id is not a constant; the file's name is used")
        return dag

    def dag_key(self, dag, name, node):
        keys = dag["keys"]
        if name == "dag_id":
            dag["dag_id"] = self.value(node)
        elif name in ("schedule", "schedule_interval"):
            value = self.value(node)
            keys["schedule"] = seconds(value) if isinstance(value, datetime.timedelta) else value
        elif name in ("start_date", "end_date"):
            self.date(dag, name, node)
        elif name == "dagrun_timeout":
            keys[name] = seconds(self.value(node))
        elif name == "default_args":
            self.default_args(dag, node)
        elif name in DAG_KEYS:
            keys[name] = self.value(node)
        else:
            raise NotUnderstood(node, "flowctl has no such key")

    def date(self, dag, name, node):
        source = node
        if isinstance(node, ast.Name):
            source = next((a.value for a in ast.walk(self.tree) if isinstance(a, ast.Assign) and name_of(a.targets[0]) == node.id), node)
        value = self.value(node)
        if value is None:
            return
        if not isinstance(value, datetime.datetime):
            raise NotUnderstood(node, "`%s` is not a date" % ast.unparse(node))
        zone = self.zone(source)
        if zone:
            dag["keys"]["timezone"] = zone
        is_midnight = value.time() == datetime.time()
        dag["keys"][name] = value.date().isoformat() if is_midnight else value.isoformat()

    def default_args(self, dag, node):
        pairs = node
        if isinstance(node, ast.Name):
            pairs = next((a.value for a in self.tree.body if isinstance(a, ast.Assign) and name_of(a.targets[0]) == node.id), None)
        if not isinstance(pairs, ast.Dict):
            raise NotUnderstood(node, "it is not a dict of this file")
        for key, value in zip(pairs.keys, pairs.values):
            name = self.value(key) if key is not None else "**"
            try:
                if name == "owner":
                    dag["keys"]["owner"] = self.value(value)
                elif name in ("start_date", "end_date"):
                    self.date(dag, name, value)
                else:
                    self.task_key(dag["default_args"], name, value)
            except NotUnderstood as error:
                self.note(value, "`%s` of default_args is left out: %s" % (name, error))

    def task_key(self, task, name, node):
        """A key that every operator has."""
        if name in TASK_DURATIONS:
            value = self.value(node)
            task[name] = seconds(value) if isinstance(value, datetime.timedelta) else value
        elif name == "trigger_rule":
            task[name] = node.attr.lower() if isinstance(node, ast.Attribute) else self.value(node)
        elif name in TASK_KEYS:
            task[name] = self.value(node)
        else:
            raise NotUnderstood(node, "flowctl has no such key")

    def is_task_call(self, node):
        function = node.func.value if isinstance(node.func, ast.Attribute) else node.func
        return isinstance(function, ast.Name) and self.functions.get(function.id, (None, None))[1] is not None

    def task(self, node):
        if self.is_task_call(node):
            return self.decorated(node)
        operator = name_of(node.func)
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        dag = self.dag
        if "dag" in keywords:
            dag = self.variables.get(name_of(keywords.pop("dag")))
        if dag is None:
            raise NotUnderstood(node, "`%s` belongs to no DAG of this file" % operator)
        if "task_id" not in keywords:
            raise NotUnderstood(node, "`%s` has no task_id" % operator)
        task = {"id": self.value(keywords.pop("task_id")), "depends_on": [], "line": node.lineno}
        dag["tasks"].append(task)
        if operator == "BashOperator":
            task["bash"] = self.bash(keywords)
        elif operator == "PythonOperator":
            task["python"] = self.python(node, keywords)
        elif operator == "BranchPythonOperator":
            task["branch"] = {"python": self.python(node, keywords)}
        elif operator in EMPTY:
            task["empty"] = {}
        else:
            task["bash"] = "echo 'flowctl import: %s is to be ported by hand' >&2; exit 1" % operator
            self.note(node, "not understood: the operator `%s` of the task `%s`; the task fails until it is ported" % (operator, task["id"]))
            return task
        for name, value in keywords.items():
            try:
                self.task_key(task, name, value)
            except NotUnderstood as error:
                self.note(value, "`%s` of the task `%s` is left out: %s" % (name, task["id"], error))
        return task

    def bash(self, keywords):
        command = self.value(keywords.pop("bash_command"))
        long_form = {"command": command}
        if "env" in keywords:
            long_form["env"] = self.value(keywords.pop("env"))
            keywords.pop("append_env", None)
        if "cwd" in keywords:
            long_form["cwd"] = self.value(keywords.pop("cwd"))
        return command if len(long_form) == 1 else long_form

    def python(self, node, keywords):
        callable_node = keywords.pop("python_callable", None)
        keywords.pop("provide_context", None)
        args = [ast.unparse(item) for item in getattr(keywords.pop("op_args", None), "elts", [])]
        kwargs = self.value(keywords.pop("op_kwargs")) if "op_kwargs" in keywords else {}
        if isinstance(callable_node, ast.Lambda):
            return {"code": self.code(callable_node, "return (%s)(%%s)" % ast.unparse(callable_node), args, kwargs, callable_node.args), "kwargs": kwargs}
        name = name_of(callable_node)
        if name not in self.functions:
            module = self.imported_from(name)
            if module is None:
                raise NotUnderstood(node, "the callable `%s` is not in this file" % ast.unparse(callable_node))
            if args:
                raise NotUnderstood(node, "op_args of an imported callable")
            return {"callable": "%s.%s" % (module, name), "kwargs": kwargs}
        function = self.functions[name][0]
        return {"code": self.code(function, "return %s(%%s)" % name, args, kwargs, function.args), "kwargs": kwargs}

    def decorated(self, node):
        """A call of a `@task` function: its arguments that are other tasks are XComs."""
        if isinstance(node.func, ast.Attribute):
            raise NotUnderstood(node, "`%s`" % ast.unparse(node.func))
        function, decorator = self.functions[node.func.id]
        if self.dag is None:
            raise NotUnderstood(node, "the task `%s` belongs to no DAG of this file" % function.name)
        taken = {task["id"] for task in self.dag["tasks"]}
        name, number = function.name, 1
        while name in taken:
            name, number = "%s__%d" % (function.name, number), number + 1
        task = {"id": name, "depends_on": [], "line": node.lineno}
        parts = []
        for keyword, argument in [(None, a) for a in node.args] + [(k.arg, k.value) for k in node.keywords]:
            text = self.argument(task, argument)
            parts.append(text if keyword is None else "%s=%s" % (keyword, text))
        task["python"] = {"code": self.prelude(function) + "return %s(%s)" % (function.name, ", ".join(parts)), "kwargs": {}}
        for keyword in getattr(decorator, "keywords", []):
            if keyword.arg == "task_id":
                task["id"] = self.value(keyword.value)
                continue
            try:
                self.task_key(task, keyword.arg, keyword.value)
            except NotUnderstood as error:
                self.note(keyword.value, "`%s` of the task `%s` is left out: %s" % (keyword.arg, task["id"], error))
        self.dag["tasks"].append(task)
        return task

    def argument(self, task, node):
        is_task = isinstance(node, ast.Name) and isinstance(self.variables.get(node.id), dict) and "depends_on" in self.variables[node.id]
        if is_task or (isinstance(node, ast.Call) and self.is_task_call(node)):
            (before,) = self.tasks_of(node)
            self.edges([before], [task])
            return "ti.xcom_pull(task_ids=%r)" % before["id"]
        return ast.unparse(node)

    def imported_from(self, name):
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                for alias in node.names:
                    if (alias.asname or alias.name) == name and alias.asname is None:
                        return node.module
        return None

    def code(self, function, call, args, kwargs, signature):
        """The function with what it needs of the file, and its call with the context as Airflow gives it."""
        names = [argument.arg for argument in signature.posonlyargs + signature.args + signature.kwonlyargs][len(args):]
        defaults = len(signature.defaults)
        required = names[: len(names) - defaults] if defaults else names
        context = {"ds", "ds_nodash", "ts", "ts_nodash", "ti", "task_instance", "params", "run_id", "dag_run", "logical_date", "data_interval_start", "data_interval_end", "dag", "task"}
        parts = list(args)
        if signature.kwarg is not None:
            given = "".join(", %r: %s" % (name, name) for name in kwargs)
            parts.append("**{**context%s}" % given if given else "**context")
        else:
            parts += ["%s=%s" % (name, name) for name in names if name in kwargs or name in context or name in required]
        return self.prelude(function) + call % ", ".join(parts)

    def prelude(self, function):
        """Imports, constants and functions of the file that a function uses, and the function."""
        wanted, order = [function], []
        needed = set()
        while wanted:
            used = names_in(wanted.pop())
            for name in used - needed:
                needed.add(name)
                for node in self.tree.body:
                    if defines(node, name) and node not in order and node is not function and not is_of_airflow(node):
                        order.append(node)
                        wanted.append(node)
        parts = [self.text(node) for node in self.tree.body if node in order]
        if isinstance(function, ast.FunctionDef):
            parts.append(self.text(function))
        return "".join(part + "\n" for part in parts)

    def text(self, node):
        if isinstance(node, ast.FunctionDef):
            clone = ast.parse(ast.unparse(node)).body[0]
            if not node.decorator_list:
                lines = self.source.splitlines()[node.lineno - 1 : node.end_lineno]
                indent = len(lines[0]) - len(lines[0].lstrip())
                if indent == 0:
                    return "\n".join(lines)
            clone.decorator_list = []
            return ast.unparse(clone)
        return ast.unparse(node)


def is_operator(node):
    return isinstance(node, ast.Call) and name_of(node.func).endswith(("Operator", "Sensor"))


def is_docstring(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def names_in(node):
    """The names that a node uses, those of its decorators apart: they are not taken along."""
    of_decorators = {id(n) for d in getattr(node, "decorator_list", []) for n in ast.walk(d)}
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and id(n) not in of_decorators}


def is_of_airflow(node):
    modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in getattr(node, "names", []) if isinstance(node, ast.Import)]
    return any(module.split(".")[0] == "airflow" for module in modules)


def defines(node, name):
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return any((alias.asname or alias.name.split(".")[0]) == name for alias in node.names)
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return node.name == name and not any(name_of(d.func if isinstance(d, ast.Call) else d) == "dag" for d in node.decorator_list)
    if isinstance(node, ast.Assign):
        return any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
    return False


def main():
    path = sys.argv[1]
    with open(path, encoding="utf-8") as file:
        source = file.read()
    stem = os.path.splitext(os.path.basename(path))[0]
    try:
        found = Reader(source, stem).read()
    except SyntaxError as error:
        print(json.dumps({"error": "%s:%s: %s" % (path, error.lineno, error.msg)}))
        return
    print(json.dumps(found, default=lambda value: seconds(value) if isinstance(value, datetime.timedelta) else str(value)))


if __name__ == "__main__":
    main()
