"""Tables as spreadsheets save them give the rows that the program wrote."""

import csv
import io

import pytest

from napari_weld_fcn.dataset.plan import read_rectangles
from napari_weld_fcn.dataset.spreadsheet import read_sheet
from napari_weld_fcn.dataset.table import COLUMNS, read_table
from napari_weld_fcn.errors import DatasetError
from napari_weld_fcn.evaluation.cases import read_classes

TEXT = (
    ",".join((*COLUMNS, "angle")) + "\n"
    'images/a.png,masks/a.png,"Näht 1,5",0,-3,24,30,0,120.25,9.5,88.0,160.5,255.0,dark,0.0403,6,-1.5e-05\n'
    "images/b.png,masks/b.png,film 2,0,30,24,30,1,120.25,9.5,88.0,160.5,255.0,dark,,6,0.5\n"
)


def german(text: str) -> str:
    """As a German Excel: semicolons between cells, commas in numbers."""
    out = io.StringIO()
    for row in csv.reader(io.StringIO(text)):
        numbers = [cell.replace(".", ",") if not cell[:1].isalpha() else cell for cell in row]
        csv.writer(out, delimiter=";").writerow(numbers)
    return out.getvalue()


SAVED = {
    "as written": TEXT.encode(),
    "mark and Windows lines": b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode(),
    "empty rows": (TEXT + "," * len(COLUMNS) + "\n\n" + "," * len(COLUMNS) + "\n").encode(),
    "UTF-16": TEXT.encode("utf-16"),
    "tabs": TEXT.replace('"Näht 1,5"', "Näht 1;5").replace(",", "\t").replace("1;5", "1,5").encode(),
    "Unicode text": german(TEXT).replace(";", "\t").encode("utf-16"),
    "German Excel": german(TEXT).encode("cp1252"),
    "German Excel, UTF-8": b"\xef\xbb\xbf" + german(TEXT).encode(),
    "spaces": TEXT.replace("mask,film", "mask, film").encode(),
}


@pytest.mark.parametrize("saved", SAVED)
def test_a_table_is_the_same_however_it_was_saved(tmp_path, saved):
    (tmp_path / "written.csv").write_bytes(TEXT.encode())
    (tmp_path / "dataset.csv").write_bytes(SAVED[saved])
    rows = read_table(tmp_path / "dataset.csv")
    assert rows == read_table(tmp_path / "written.csv")
    assert [row.film for row in rows] == ["Näht 1,5", "film 2"]
    assert rows[0].pixel_size_mm == 0.0403
    assert rows[0].parameters == {"angle": -1.5e-05}


def test_a_wrong_cell_is_told_with_its_line(tmp_path):
    (tmp_path / "dataset.csv").write_bytes(german(TEXT).replace("120,25", "viel").encode("cp1252"))
    with pytest.raises(
        DatasetError, match=r"dataset\.csv, line 2: film_mean is 'viel', but should be a numb"
    ):
        read_table(tmp_path / "dataset.csv")


@pytest.mark.parametrize("text", ["Datei|Maske|Film\na|b|c\n", "", "\n\n"])
def test_another_table_is_told_with_the_columns_that_it_has(tmp_path, text):
    (tmp_path / "dataset.csv").write_text(text)
    shown = "its columns are Datei" if text.strip() else "its columns are none"
    with pytest.raises(DatasetError, match=shown):
        read_table(tmp_path / "dataset.csv")


def test_rectangles_and_classes_are_read_from_such_tables_too(tmp_path):
    shapes = "index,shape-type,vertex-index,axis-0,axis-1\n"
    shapes += "".join(
        f"0,rectangle,{n},{row},{column}\n" for n, (row, column) in enumerate([(1.5, 2), (9, 8.5)])
    )
    (tmp_path / "boxes.csv").write_bytes(german(shapes).encode("utf-16"))
    assert read_rectangles(tmp_path / "boxes.csv").everywhere.tolist() == [[1.5, 2, 9, 8.5]]
    flaws = "image,name,visible,iso6520,row,column,length_px\nW1,pore,TRUE,2011,3.5,4.25,6\n"
    (tmp_path / "flaws.csv").write_bytes(german(flaws).encode("cp1252"))
    (flaw,) = read_classes(tmp_path / "film.png")["W1"]
    assert (flaw.kind.iso6520, flaw.row, flaw.column, flaw.length_px) == (2011, 3.5, 4.25, 6)


def test_a_comma_in_a_text_stays(tmp_path):
    (tmp_path / "t.csv").write_text("film;size\n1,5;2,5\n")
    ((_, cells),) = read_sheet(tmp_path / "t.csv", ("film", "size"), texts=("film",)).lines
    assert cells == {"film": "1,5", "size": "2.5"}
