"""A model's card in a window: what it is, what it reached, and what it was made from."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

#: What of a card says for which films a model is, and how far it goes.
LIMITS = (
    "data",
    "flaw_size_px",
    "polarity",
    "pixel_size_mm",
    "threshold",
    "threshold_purpose",
    "min_size_px",
)


def card_html(name: str, origin: str, card: Mapping[str, Any]) -> str:
    """Lay a card out for reading, nested tables and all.

    Parameters
    ----------
    name, origin
        The model's name, and whether it is shipped or the user's own.
    card
        The card as plain values, as in its JSON.
    """
    rest = {key: value for key, value in card.items() if key not in (*LIMITS, "scores")}
    parts = {
        "What it reached": card.get("scores", {}),
        "What it is for": {key: card[key] for key in LIMITS if key in card},
        "How it was made": rest,
    }
    tables = (f"<h4>{title}</h4>{_table(values)}" for title, values in parts.items() if values)
    return f"<h3>{html.escape(name)}</h3><p>{html.escape(origin)} model</p>{''.join(tables)}"


def show_card(parent: QWidget, name: str, origin: str, card: Mapping[str, Any]) -> QDialog:
    """Open the card beside the form; it may stay open while work goes on."""
    dialog = QDialog(parent)
    dialog.setWindowTitle(f"Model {name}")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    text = QTextBrowser(dialog)
    text.setHtml(card_html(name, origin, card))
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, dialog)
    buttons.rejected.connect(dialog.reject)
    layout = QVBoxLayout(dialog)
    layout.addWidget(text)
    layout.addWidget(buttons)
    dialog.resize(560, 640)
    dialog.show()
    return dialog


def _table(values: Mapping[str, Any]) -> str:
    rows = (
        f"<tr><td style='padding-right: 12px'>{html.escape(str(name).replace('_', ' '))}</td>"
        f"<td>{_cell(value)}</td></tr>"
        for name, value in values.items()
    )
    return f"<table cellspacing='2'>{''.join(rows)}</table>"


def _columns(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of the same names as one table with those names on top."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    head = "".join(f"<th align='left'>{html.escape(name.replace('_', ' '))}</th>" for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{_cell(row.get(name))}</td>" for name in names) + "</tr>" for row in rows
    )
    return f"<table cellspacing='2' cellpadding='2'><tr>{head}</tr>{body}</table>"


def _cell(value: Any) -> str:
    match value:
        case Mapping():
            return _table(value) if value else "-"
        case float():
            return f"{value:.4g}"
        case list() | tuple() if value and all(isinstance(row, Mapping) for row in value):
            return _columns(value)
        case list() | tuple():
            return html.escape(", ".join(map(str, value))) or "-"
        case None | "":
            return "-"
        case _:
            return html.escape(str(value))
