"""What a Python task may import from flowctl: the ways to end other than by returning."""

__all__ = ["FailException", "SkipException"]


class SkipException(Exception):
    """Raise it to skip the task; its text becomes the reason."""


class FailException(Exception):
    """Raise it to fail the task for good: no retry is made."""
