"""What a user can mend, as one family of exceptions.

Each carries one sentence: what was given, what was expected, what to do. It is raised where the fault is
found and shown once, by the command (exit code 2) or by the viewer (a notification). Anything else that
escapes is a defect of the program and keeps its traceback.
"""

from __future__ import annotations


class WeldFcnError(Exception):
    """A fault that the person at the screen can mend; its text is one sentence for that person."""


class RadiographError(WeldFcnError):
    """An image file or an array that is no radiograph."""


class LabelError(RadiographError):
    """A mask or a label image that holds no labels, or not those of its film."""


class DatasetError(WeldFcnError):
    """A dataset folder that cannot be read or written, or crops that cannot be split."""


class ModelError(WeldFcnError):
    """A model file, a model's name or a card that cannot be used."""


class SettingsError(WeldFcnError):
    """Settings that contradict each other or the input."""


class Stopped(Exception):  # noqa: N818  (a request that was carried out, not an error)
    """Raised inside a job when its `should_stop` said so."""
