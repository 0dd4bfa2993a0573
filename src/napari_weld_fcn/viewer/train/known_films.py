"""Films without labels in the Train form: layers with what is known of them, and files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from magicgui.widgets import ComboBox
from napari import Viewer
from napari.layers import Image
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from napari_weld_fcn.radiograph.image_paths import SUFFIXES
from napari_weld_fcn.viewer.form import button, rows, wrapped
from napari_weld_fcn.viewer.train.film_rows import FilmRows
from napari_weld_fcn.viewer.train.labelled import Row

KNOWN = {"clean": "free of flaws", "unlabelled": "not looked at"}
KNOWN_MEANINGS = {
    "clean": "Simulated flaws are put in; nothing else there is a flaw, whatever the model marks now.",
    "unlabelled": "Simulated flaws are put in; what the model marks there now is ignored.",
}

#: Files that are named; of more, how many there are.
MOST_NAMED = 3


class KnownFilms(QWidget):
    """Rows and files, and what is known of all of them.

    Parameters
    ----------
    viewer
        Whose layers are offered.
    changed
        Called when the films, or what is known of them, would be others.
    kind
        What is known of them at first.
    elsewhere
        Tells the films that a new row does not choose by itself.

    Attributes
    ----------
    kind
        ``"clean"`` or ``"unlabelled"``.
    films
        Layers.
    files
        Image files; all of each is known.
    """

    def __init__(
        self,
        viewer: Viewer,
        changed: Callable[[], object],
        kind: str,
        elsewhere: Callable[[], Iterable[Image]],
    ) -> None:
        super().__init__()
        self._changed = changed
        self.files: tuple[Path, ...] = ()
        self.kind = ComboBox(
            label="They are",
            choices=[(text, key) for key, text in KNOWN.items()],
            value=kind,
            tooltip="What is known of these films, or of the rectangles on them",
        )
        self.meaning = wrapped()
        self.films = FilmRows(viewer, changed, labelled=False, least=0, elsewhere=elsewhere)
        self.add = button(
            "Add files...", self.ask, "Image files, each free of flaws or not looked at as a whole"
        )
        self.films.buttons.addWidget(self.add)
        self._named = wrapped()
        self._away = button("✕", lambda: self.choose_files(()), "Take the files out of the list")
        self._away.setFixedWidth(26)
        self._of_files = QWidget()
        line = QHBoxLayout(self._of_files)
        line.setContentsMargins(6, 0, 4, 0)
        line.addWidget(self._named, 1)
        line.addWidget(self._away)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (rows(self.kind), self.meaning, self._of_files, self.films):
            layout.addWidget(part)
        self.kind.changed.connect(lambda _: self._on_kind())
        self._on_kind()
        self.choose_files(())

    def values(self) -> list[Row]:
        """What the rows say."""
        return self.films.values()

    def ask(self) -> None:
        """Ask for files and add them."""
        patterns = " ".join(f"*{suffix}" for suffix in sorted(SUFFIXES))
        chosen, _ = QFileDialog.getOpenFileNames(self, "Films without labels", "", f"Images ({patterns})")
        self.choose_files((*self.files, *map(Path, chosen)))

    def choose_files(self, paths: Sequence[Path]) -> None:
        """Take these files, each once, in place of those before."""
        self.files = tuple(dict.fromkeys(paths))
        self._named.setText(files_in_words(self.files))
        self._named.setToolTip("\n".join(map(str, self.files)))
        self._of_files.setVisible(bool(self.files))
        self._changed()

    def _on_kind(self) -> None:
        self.meaning.setText(KNOWN_MEANINGS[self.kind.value])
        self._changed()


def files_in_words(files: Sequence[Path]) -> str:
    """Name some files, or say how many there are."""
    names = ", ".join(path.name for path in files[:MOST_NAMED])
    more = len(files) - MOST_NAMED
    return f"{names} and {more} more" if more > 0 else names
