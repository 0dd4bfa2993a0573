"""A settings class as a form, so that no default, range, unit or help line is written twice.

magicgui's own `build_widget` of a pydantic class loses defaults, fails on optional values and rounds 0.0004
to 0.0; so each field becomes one widget here, with its range, its step and its unit beside the name. What
the form holds is validated by building the class, and a refusal becomes one sentence. Every form of the
plugin is a `FormInputs`.

A `Fold` may grow while it is open. superqt's `QCollapsible` fixes the height that its content had when it was
opened, so rows that come later would be squeezed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar, get_args

import annotated_types
from magicgui.types import FileDialogMode
from magicgui.widgets import ComboBox, FileEdit, SpinBox, Widget, create_widget
from napari import Viewer
from napari.layers import Shapes
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from napari_weld_fcn.errors import ModelError, SettingsError
from napari_weld_fcn.network.card import Card
from napari_weld_fcn.network.library import ModelEntry, listing
from napari_weld_fcn.settings import Settings, may_be_open, sentence_of
from napari_weld_fcn.viewer.belonging import films, is_output_layer
from napari_weld_fcn.viewer.preferences import remember, remembered

S = TypeVar("S", bound=Settings)

#: Where a spin box ends when its setting has no upper limit.
UNLIMITED = 1_000_000


class SettingsForm(Generic[S]):
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
        settings: type[S],
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

    def read(self, **others: Any) -> S:
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


class FormInputs(QWidget):
    """What all forms have: settings that are remembered, and layers and models to choose from.

    Parameters
    ----------
    viewer
        Whose layers are offered.
    name
        What the form's values are remembered as.

    Attributes
    ----------
    form
        Its settings.
    entries
        The models there are, by name.
    """

    form: SettingsForm[Any]
    model: ComboBox
    #: What belongs to a film or stands in Preferences, so that the form does not remember it.
    not_remembered: ClassVar[Sequence[str]] = ()

    def __init__(self, viewer: Viewer, name: str) -> None:
        super().__init__()
        self._viewer, self._name = viewer, name
        self._boxes: list[ComboBox] = []
        self.entries: dict[str, ModelEntry] = {}

    def settings_form(self, settings: type[S], fields: Iterable[str], **more: Any) -> SettingsForm[S]:
        """Return widgets of some fields that start as they were remembered; `more` goes to `SettingsForm`."""
        values = remembered(self._name, settings) | more.pop("values", {})
        return SettingsForm(settings, fields, values, **more)

    def offer(self, label: str, choices: Callable[[Any], Sequence[Any]], tooltip: str) -> ComboBox:
        """Return a box whose choices are brought up to date by `refresh`."""
        self._boxes.append(ComboBox(label=label, choices=choices, tooltip=tooltip))
        return self._boxes[-1]

    def offer_films(self, tooltip: str) -> ComboBox:
        """Return a box of the films."""
        return self.offer("Radiograph", lambda _: films(self._viewer), tooltip)

    def offer_models(self, preferred: str) -> ComboBox:
        """Return a box of the models that starts with the one that is preferred, if it is there."""
        box = self.offer("Model", self._models, "Shipped and own models")
        if preferred in self.entries:
            box.value = preferred
        return box

    def offer_regions(self, tooltip: str) -> ComboBox:
        """Return a box of the Shapes layers that a person drew."""
        return self.offer("Stay inside", lambda _: [("the whole film", None), *self.shapes_layers()], tooltip)

    def shapes_layers(self) -> list[tuple[str, Shapes]]:
        """The Shapes layers that are no outputs, by name."""
        return [(layer.name, layer) for layer in self._viewer.layers if _is_drawn(layer)]

    @property
    def entry(self) -> ModelEntry | None:
        """The chosen model; None where none is installed."""
        return self.entries.get(self.model.value) if self.model.value else None

    def usable_entry(self, nothing: str) -> tuple[str, Card]:
        """Name and card of the chosen model; ModelError with `nothing`, or why it cannot be used."""
        entry = self.entry
        if entry is None or entry.card is None:
            raise ModelError(entry.error if entry and entry.error else nothing)
        return entry.name, entry.card

    def settings(self) -> Any:
        """What the form asks for; SettingsError in one sentence with the name of the field."""
        return self.form.read()

    def refresh(self) -> None:
        """Bring layers and models up to date, keeping what is chosen."""
        for box in self._boxes:
            box.reset_choices()

    def remember(self, **more: Any) -> None:
        """Keep what the form holds for the next session."""
        held = {name: value for name, value in self.form.values().items() if name not in self.not_remembered}
        remember(self._name, held | more)

    def put(self, name: str, value: Any) -> None:
        """Put a field on a value, None where it is left open, without telling anybody."""
        widget = self.form.widgets[name]
        with widget.changed.blocked():
            widget.value = 0 if value is None else value

    def show_zero(self, texts: Mapping[str, str]) -> None:
        """Say what an open field stands for now."""
        for name, text in texts.items():
            self.form.widgets[name].native.setSpecialValueText(text)

    def show_size_unit(self, _: Any = None) -> None:
        """The unit of the minimum size is the user's choice only where that is."""
        self.form.widgets["min_size_unit"].native.setVisible(self.form.widgets["min_size"].value > 0)

    def more(self, *fields: str, before: Sequence[Widget] = (), after: Sequence[Widget] = ()) -> Fold:
        """Return some fields behind the title "More settings"."""
        return Fold("More settings", rows(*before, *(self.form.widgets[name] for name in fields), *after))

    def lay_out(self, *parts: QWidget) -> None:
        """Put the parts below each other."""
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in parts:
            layout.addWidget(part)

    def _models(self, _: Any) -> list[str]:
        self.entries = {entry.name: entry for entry in listing()}
        return list(self.entries)


def _is_drawn(layer: Any) -> bool:
    return isinstance(layer, Shapes) and not is_output_layer(layer)


def choice(label: str, texts: Mapping[str, str], value: str, tooltip: str) -> ComboBox:
    """Return a box of texts, each of which stands for a value."""
    choices = [(text, key) for key, text in texts.items()]
    return ComboBox(label=label, choices=choices, value=value, tooltip=tooltip)


def seed_box(tooltip: str) -> SpinBox:
    """Return a field for a seed."""
    return SpinBox(label="Seed", value=0, min=0, max=2**31 - 1, tooltip=tooltip)


def button(text: str, slot: Callable[[], object], tooltip: str = "") -> QPushButton:
    """Return a button."""
    made = QPushButton(text)
    made.setToolTip(tooltip)
    made.clicked.connect(lambda: slot())
    return made


def wrapped(style: str = "") -> QLabel:
    """Return an empty text of several lines that can be copied."""
    label = QLabel()
    label.setWordWrap(True)
    label.setStyleSheet(style)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


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
