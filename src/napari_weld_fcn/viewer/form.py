"""A settings class as a form, so that no default, range, unit or help line is written twice.

magicgui's own `build_widget` of a pydantic class loses defaults, fails on optional values and rounds 0.0004
to 0.0; so each field becomes one widget here, with its range, its step and its unit beside the name. What
the form holds is validated by building the class, and a refusal becomes one sentence.

A part of a form behind its title, which may grow while it is open.

superqt's `QCollapsible` fixes the height that its content had when it was opened, so rows that come later
would be squeezed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import annotated_types
from magicgui.types import FileDialogMode
from magicgui.widgets import FileEdit, Widget, create_widget
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.settings import Settings, may_be_open, sentence_of

#: Where a spin box ends when its setting has no upper limit.
UNLIMITED = 1_000_000


class SettingsForm:
    """Widgets for the fields of one settings class.

    Parameters
    ----------
    settings
        The class.
    fields
        The names that the form shows, in order; all others keep their defaults.
    values
        Where the form starts, by name; the class's defaults elsewhere. What is None a spin box holds as 0, in
        place of which it shows who or what chooses then.
    sliders
        Numbers that are chosen with a slider; both ends of their range must be given.

    Attributes
    ----------
    widgets
        The magicgui widgets by field, to be put into a container.
    """

    def __init__(
        self,
        settings: type[Settings],
        fields: Iterable[str],
        values: Mapping[str, Any] | None = None,
        sliders: Iterable[str] = (),
    ) -> None:
        self.settings = settings
        slid = frozenset(sliders)
        self.labels = {name: label_of(name, settings) for name in fields}
        self.widgets: dict[str, Any] = {
            name: _widget(name, settings.model_fields[name], label, (values or {}), slider=name in slid)
            for name, label in self.labels.items()
        }

    def values(self) -> dict[str, Any]:
        """What the widgets hold, by field, not validated."""
        return {name: widget.value for name, widget in self.widgets.items()}

    def read(self, **others: Any) -> Settings:
        """Build the settings from what the widgets hold.

        Parameters
        ----------
        **others
            Values of fields that the form does not show.

        Raises
        ------
        SettingsError
            In one sentence, with the label of the field as the form shows it.
        """
        try:
            return self.settings(**{**self.values(), **others})
        except ValidationError as error:
            raise SettingsError(sentence_of(error, self._called)) from None

    def _called(self, name: str) -> str:
        return self.labels.get(name) or label_of(name, self.settings)


def rows(*fields: Widget | tuple[Widget, ...]) -> QWidget:
    """Lay magicgui widgets out below each other, their labels in one column.

    Parameters
    ----------
    *fields
        One widget a row, or several that share a row and the first one's label.
    """
    page = QWidget()
    layout = QFormLayout(page)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setVerticalSpacing(4)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    for field in fields:
        together = field if isinstance(field, tuple) else (field,)
        line = QHBoxLayout()
        for widget in together:
            line.addWidget(widget.native)
        layout.addRow(together[0].label, line)
    return page


def folder_edit(label: str, tooltip: str) -> FileEdit:
    """Return a field for a folder, which may be empty; `chosen_path` reads it."""
    return FileEdit(label=label, mode=FileDialogMode.EXISTING_DIRECTORY, nullable=True, tooltip=tooltip)


def chosen_path(edit: FileEdit) -> Path | None:
    """Return the file or folder that is chosen; None where none is."""
    chosen = str(edit.value or "")
    return Path(chosen) if chosen not in ("", ".") else None


def stacked(*parts: QWidget) -> QWidget:
    """Put parts of a form below each other, to be shown and hidden together."""
    page = QWidget()
    layout = QVBoxLayout(page)
    layout.setContentsMargins(0, 0, 0, 0)
    for part in parts:
        layout.addWidget(part)
    return page


def align(forms: Iterable[QFormLayout]) -> None:
    """Give the labels of all forms one width, so that their fields stand below each other."""
    label = QFormLayout.ItemRole.LabelRole
    labels = [form.itemAt(row, label).widget() for form in forms for row in range(form.rowCount())]
    width = max(each.sizeHint().width() for each in labels)
    for each in labels:
        each.setMinimumWidth(width)


def label_of(name: str, settings: type[Settings]) -> str:
    """The label of field `name`, with its unit in brackets."""
    extra = _extra(settings.model_fields[name])
    unit = extra.get("unit", "")
    plain = extra.get("label") or name.removesuffix(f"_{unit}").replace("_", " ")
    label = plain[:1].upper() + plain[1:]
    return f"{label} ({unit})" if unit else label


def step_of(settings: type[Settings], name: str) -> float:
    """The increment of field `name` in a form."""
    return float(_extra(settings.model_fields[name])["step"])


def _widget(name: str, field: FieldInfo, label: str, values: Mapping[str, Any], *, slider: bool) -> Widget:
    kind = _kind(field)
    widget = create_widget(
        annotation=kind,
        name=name,
        label=label,
        widget_type="FloatSlider" if slider else None,
        options={"tooltip": field.description or "", **_number_options(field)},
    )
    if kind is float and not slider:
        widget.native.setDecimals(_decimals(field))  # before the value, which would be rounded
    if kind in (int, float) and (zero := _extra(field).get("zero")):
        widget.native.setSpecialValueText(zero)
    value = values.get(name, field.default)
    widget.value = 0 if value is None else value  # type: ignore[attr-defined]
    return widget


def _kind(field: FieldInfo) -> Any:
    """The type of a field, also where it may be left open."""
    if not may_be_open(field):
        return field.annotation
    return next(kind for kind in get_args(field.annotation) if kind is not type(None))


def _decimals(field: FieldInfo) -> int:
    """Digits after the point: more than the step has, so that typing is finer than clicking."""
    digits = -int(Decimal(str(_number_options(field)["step"])).normalize().as_tuple().exponent)
    return digits + (2 if _extra(field).get("unit") == "mm" else 1)


def _extra(field: FieldInfo) -> dict[str, Any]:
    """Unit and step, as `setting` keeps them."""
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def _number_options(field: FieldInfo) -> dict[str, Any]:
    """Range and step of a number's spin box; nothing for any other kind of field."""
    kind = _kind(field)
    if kind not in (int, float):
        return {}
    step = kind(_extra(field).get("step") or (1 if kind is int else 0.01))
    low, high = _range(field, step)
    return {"min": kind(low), "max": kind(high), "step": step}


def _range(field: FieldInfo, step: float) -> tuple[float, float]:
    """The closed range of a spin box; an open end is one step inside."""
    low, high = Decimal(-UNLIMITED), Decimal(UNLIMITED)
    inside = Decimal(str(step))
    for limit in field.metadata:
        match limit:
            case annotated_types.Ge(ge=value):
                low = Decimal(str(value))
            case annotated_types.Gt(gt=value):
                low = Decimal(str(value)) + inside
            case annotated_types.Le(le=value):
                high = Decimal(str(value))
            case annotated_types.Lt(lt=value):
                high = Decimal(str(value)) - inside
    return float(low), float(high)


class Fold(QWidget):
    """A title that shows and hides what is below it; closed at first.

    Parameters
    ----------
    title
        What stands there.
    content
        What is shown and hidden.
    """

    def __init__(self, title: str, content: QWidget) -> None:
        super().__init__()
        self.content = content
        self.title = QToolButton()
        self.title.setText(title)
        self.title.setCheckable(True)
        self.title.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.title.setAutoRaise(True)
        self.title.toggled.connect(self._show)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.title)
        layout.addWidget(content)
        self._show(False)

    def open(self, wanted: bool) -> None:
        """Open or close it."""
        self.title.setChecked(wanted)

    def _show(self, opened: bool) -> None:
        self.title.setArrowType(Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow)
        self.content.setVisible(opened)
