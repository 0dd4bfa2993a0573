"""The films to train with, in rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from napari import Viewer
from napari.layers import Image
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_weld_fcn.viewer.belonging import films
from napari_weld_fcn.viewer.labelled import Row
from napari_weld_fcn.viewer.widgets.film_row import FilmRow, button


class FilmRows(QWidget):
    """Rows, one for each film to train with, and a button for one more.

    Parameters
    ----------
    viewer
        Whose layers are offered.
    changed
        Called when the films would be others.
    labelled
        Whether they have labels.
    least
        So many rows stay, with or without a film.
    elsewhere
        Tells the films that a new row does not choose by itself.
    """

    def __init__(
        self,
        viewer: Viewer,
        changed: Callable[[], object],
        *,
        labelled: bool = True,
        least: int = 1,
        elsewhere: Callable[[], Iterable[Image]] = tuple,
    ) -> None:
        super().__init__()
        self._viewer, self._changed = viewer, changed
        self._labelled, self._least, self._elsewhere = labelled, least, elsewhere
        self._may_validate = True
        self.rows: list[FilmRow] = []
        self.more = button("Add film", self.add, "One more row, for the next film of the viewer")
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self.buttons = QHBoxLayout()
        self.buttons.addWidget(self.more)
        self._layout.addLayout(self.buttons)
        for _ in range(least):
            self.add()
        self._show_buttons()

    def values(self) -> list[Row]:
        """What the rows say, those without a film left out."""
        return [value for row in self.rows if (value := row.value()) is not None]

    def add(self) -> None:
        """Add a row, with the next film that no row has."""
        row = FilmRow(self._viewer, self._changed, self.remove, labelled=self._labelled)
        row.validates.setVisible(self._may_validate)
        taken = [*(other.film.value for other in self.rows), *self._elsewhere()]
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
        row.hide()  # it is painted until Qt deletes it
        row.deleteLater()
        self._show_buttons()
        self._changed()

    def refresh(self) -> None:
        """Bring the layers up to date; rows whose film is gone go, but for the least."""
        present = films(self._viewer)
        for row in [row for row in self.rows if row.film.value not in present]:
            if len(self.rows) > self._least:
                self.remove(row)
        for row in self.rows:
            row.refresh()
        self._show_buttons()

    def let_validate(self, allowed: bool) -> None:
        """Whether a row may be ticked to validate."""
        self._may_validate = allowed
        for row in self.rows:
            row.validates.setVisible(allowed)

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
            row.away.setEnabled(len(self.rows) > self._least)
