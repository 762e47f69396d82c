"""What a Python task may import from flowctl: variables and connections, and the ways to end other than by returning."""

import json

__all__ = ["Connection", "FailException", "NotFound", "SkipException", "Variable"]

_MISSING = object()
# Set by the runner: how to ask the worker.
_ask = None


class SkipException(Exception):
    """Raise it to skip the task; its text becomes the reason."""


class FailException(Exception):
    """Raise it to fail the task for good: no retry is made."""


class NotFound(KeyError):
    """There is no variable or connection of that name."""

    def __str__(self):
        return str(self.args[0])


def _look_up(question):
    if _ask is None:
        raise RuntimeError("variables and connections are there only in a task's own process")
    return _ask(question)


class Variable:
    """Airflow's Variable, as far as a task reads it."""

    @staticmethod
    def get(key, default=_MISSING, deserialize_json=False, default_var=_MISSING):
        """The text of a variable, or what its JSON says; `default` when there is none of that name."""
        answer = _look_up({"variable": {"key": key}})
        if answer is not None:
            return json.loads(answer["found"]) if deserialize_json else answer["found"]
        for given in (default, default_var):
            if given is not _MISSING:
                return given
        raise NotFound("there is no variable `%s`; `flowctl variables set %s VALUE` makes one" % (key, key))


class Connection:
    """Airflow's Connection."""

    def __init__(self, conn_id, fields, extra, uri):
        self.conn_id = conn_id
        for name in ("conn_type", "description", "host", "login", "password", "schema", "port"):
            setattr(self, name, fields.get(name))
        self.extra = extra
        self._uri = uri

    @classmethod
    def get(cls, conn_id):
        """The connection with this id."""
        answer = _look_up({"connection": {"conn_id": conn_id}})
        if answer is None:
            text = "there is no connection `%s`; `flowctl connections add %s --conn-uri URI` makes one"
            raise NotFound(text % (conn_id, conn_id))
        found = answer["found"]
        return cls(conn_id, found["fields"], found["extra"], found["uri"])

    @property
    def extra_dejson(self):
        """`extra` as a dict."""
        return json.loads(self.extra) if self.extra else {}

    def get_uri(self):
        """The connection as a URI."""
        return self._uri

    def get_password(self):
        """Its password."""
        return self.password

    def __repr__(self):
        return self.conn_id


class _Variables:
    """`var.value` and `var.json`."""

    def __init__(self, deserialize_json):
        self._deserialize_json = deserialize_json

    def __getattr__(self, key):
        if key.startswith("__"):
            raise AttributeError(key)
        return Variable.get(key, deserialize_json=self._deserialize_json)

    def get(self, key, default=_MISSING):
        """The variable, or `default` when there is none of that name."""
        return Variable.get(key, default, deserialize_json=self._deserialize_json)


class _Connections:
    """`conn`."""

    def __getattr__(self, conn_id):
        if conn_id.startswith("__"):
            raise AttributeError(conn_id)
        return Connection.get(conn_id)

    def get(self, conn_id, default_conn=None):
        """The connection, or `default_conn` when there is none of that id."""
        try:
            return Connection.get(conn_id)
        except NotFound:
            return default_conn
