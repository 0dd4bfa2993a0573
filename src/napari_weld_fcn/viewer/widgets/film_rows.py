"""The films to train with, in rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from napari import Viewer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_weld_fcn.viewer.labelled import Row
from napari_weld_fcn.viewer.layers import films
from napari_weld_fcn.viewer.widgets.film_row import FilmRow, button


class FilmRows(QWidget):
    """Rows, one for each film to train with, and a button for one more.

    Parameters
    ----------
    viewer
        Whose layers are offered.
    changed
        Called when the films would be others.
    """

    def __init__(self, viewer: Viewer, changed: Callable[[], object]) -> None:
        super().__init__()
        self._viewer, self._changed = viewer, changed
        self.rows: list[FilmRow] = []
        self.more = button("Add film", self.add, "One more row, for the next film of the viewer")
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addWidget(self.more)
        self.add()

    def values(self) -> list[Row]:
        """What the rows say, those without a film left out."""
        return [value for row in self.rows if (value := row.value()) is not None]

    def add(self) -> None:
        """Add a row, with the next film that no row has."""
        row = FilmRow(self._viewer, self._changed, self.remove)
        taken = [other.film.value for other in self.rows]
        free = [film for film in films(self._viewer)[::-1] if film not in taken]
        self.rows.append(row)
        self._layout.insertWidget(len(self.rows) - 1, row)
        if free:
            row.choose(free[0])
        self._show_buttons()
        self._changed()

    def remove(self, row: FilmRow) -> None:
        """Take a row out."""
        self.rows.remove(row)
        row.leave()
        self._layout.removeWidget(row)
        row.deleteLater()
        self._show_buttons()
        self._changed()

    def refresh(self) -> None:
        """Bring the layers up to date; rows whose film is gone go, but one."""
        present = films(self._viewer)
        for row in [row for row in self.rows if row.film.value not in present]:
            if len(self.rows) > 1:
                self.remove(row)
        for row in self.rows:
            row.refresh()
        self._show_buttons()

    def show_said(self, said: Iterable[tuple[str, bool]]) -> None:
        """Say in each row what is labelled."""
        for row in self.rows:
            row.show_said("", hinders=False)
        with_film = (row for row in self.rows if row.film.value is not None)
        for row, (text, hinders) in zip(with_film, said, strict=False):
            row.show_said(text, hinders)

    def _show_buttons(self) -> None:
        self.more.setEnabled(len(films(self._viewer)) > len(self.rows))
        for row in self.rows:
            row.away.setEnabled(len(self.rows) > 1)
