"""Tables of labels: what a spreadsheet makes of them, and what is refused."""

import csv
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from selectdis.data._dataset import ImageDataset
from selectdis.data._label_sheet import write_label_sheet
from selectdis.data._label_table import LabelFactor, labels_of_frame, labels_text, parse_factor, read_labels
from selectdis.errors import SelectdisError

SIZE, HUE = LabelFactor("size", ("small", "medium", "large"), True), LabelFactor("hue", ("red", "green"), False)
PLAIN = 'number,image,"size=small,medium,large","hue:red,green"\n1,7,small,green\n2,3,large,\n3,5,,\n'


def read(tmp_path, text, n_images=10):
    path = tmp_path / "labels.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_labels(path, n_images)


def test_factors_are_read_from_a_line():
    assert parse_factor("size = small, medium ,large") == SIZE
    assert parse_factor(HUE.definition) == HUE
    for wrong in ("size", "size=", "size=small", "=a,b", "size=a,,b"):
        with pytest.raises(SelectdisError, match="such as size=small,medium,large"):
            parse_factor(wrong)
    with pytest.raises(SelectdisError, match="stands twice"):
        parse_factor("hue:red,Red")


SPREADSHEETS = {
    "plain": PLAIN,
    "semicolons": "number;image;size=small,medium,large;hue:red,green\n1;7;small;green\n2;3;large;\n",
    "tabs and CRLF": PLAIN.replace('"', "").replace("size=small,medium,large", "S").replace(",", "\t")
    .replace("S", "size=small,medium,large").replace("red\tgreen", "red,green").replace("\n", "\r\n"),
    "byte order mark": b"\xef\xbb\xbf" + PLAIN.encode(),
    "blanks and capitals": PLAIN.replace("small,green", " Small , GREEN ").replace("\n2", "\n,,,\n\n2"),
    "more columns": 'who,image,"hue:red,green",note,"size=small,medium,large"\nme,7,green,"a, b",small\nme,3,,,large\n',
    "numbers of a spreadsheet": PLAIN.replace(",7,", ",7.0,"),
    "UTF-16 with tabs": PLAIN.replace('"', "").replace("size=small,medium,large", "S").replace(",", "\t")
    .replace("S", "size=small,medium,large").replace("red\tgreen", "red,green").encode("utf-16"),
    "UTF-16 without a mark": PLAIN.encode("utf-16-be"),
    "a separator that is said": "sep=;\r\nnumber;image;size=small,medium,large;hue:red,green\r\n2;3;large;\r\n"
    "1;7;small;green",
    "bars": "image|hue:red,green|size=small,medium,large\n7|green|small\n3||large\n",
    "whole rows in one cell": "".join('"' + line.replace('"', '""') + '";;\n' for line in PLAIN.splitlines()),
    "carriage returns alone": PLAIN.replace("\n", "\r"),
    "an index of pandas": "Unnamed: 0," + re.sub(r"\n(?=\d)", "\n0,", PLAIN),
}  # fmt: skip


@pytest.mark.parametrize("kind", SPREADSHEETS)
def test_what_a_spreadsheet_makes_of_it_is_read(tmp_path, kind):
    labels = read(tmp_path, SPREADSHEETS[kind])
    assert labels.images.tolist() == [3, 7]
    size, hue = (labels.factors.index(factor) for factor in (SIZE, HUE))
    assert labels.values[:, size].tolist() == [2, 0]
    assert labels.values[1, hue] == 1
    assert np.isnan(labels.values[0, hue])
    assert [labels.ordered[size], labels.ordered[hue]] == [True, False]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("large,\n", "lrage,\n", r"row 3, column 'size' of .*labels.csv: 'lrage' is no value of it.*large"),
        ("2,3,", "2,10,", r"row 3 .*'10': images are numbered 0 to 9"),
        ("2,3,", "2,-3,", "numbered 0 to 9"),
        ("2,3,", "2,7,", "row 3 .* labels image 7 again"),
        ("image", "picture", "no column 'image'"),
        ("hue:", "size:", "names a factor twice"),
        ('"size=small,medium,large","hue:red,green"', "size,hue", "has no column such as 'size=small,medium,large'"),
        ("small,green\n2,3,large", ",\n2,3,", "no label yet"),
        ("small", "sm\0ll", "no text"),
        ("large,\n", "large,,red\n", "row 3 .* has 5 cells, and the first row 4"),
        ('"size=small,medium,large"', "size=small", "the first row of .*found 'size=small'"),
    ],
)
def test_mistakes_are_named(tmp_path, old, new, message):
    assert old in PLAIN
    with pytest.raises(SelectdisError, match=message):
        read(tmp_path, PLAIN.replace(old, new).encode(errors="surrogateescape"))


def test_a_column_that_is_left_out_is_named(tmp_path):
    with pytest.warns(
        UserWarning, match=r"no labels are read from the column\(s\) hue: a factor's name is followed by"
    ):
        labels = read(tmp_path, PLAIN.replace('"hue:red,green"', "hue"))
    assert labels.factors == (SIZE,)


def test_letters_of_another_encoding_and_numbers_of_another_country(tmp_path):
    text = "image;größe=klein,groß;hell=0.5,1.0\n4;GROSS;0,5\n5;klein;1\n"
    labels = read(tmp_path, text.encode("cp1252"))
    assert [factor.name for factor in labels.factors] == ["größe", "hell"]
    assert labels.values.tolist() == [[1, 0], [0, 1]]


def test_what_is_written_is_read_again(tmp_path):
    labels = read(tmp_path, PLAIN)
    again = read(tmp_path, labels_text(labels))
    assert again.factors == labels.factors
    assert again.images.tolist() == labels.images.tolist()
    assert np.array_equal(again.values, labels.values, equal_nan=True)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SelectdisError, match=r"cannot read .*nowhere\.csv"):
        read_labels(tmp_path / "nowhere.csv", 3)


def test_a_frame_is_read_as_its_file_is():
    frame = pd.DataFrame({"image": [7.0, 3.0], SIZE.definition: ["small", "large"], HUE.definition: ["green", None]})
    labels = labels_of_frame(frame, 10)
    assert labels.images.tolist() == [3, 7]
    assert labels.values[:, 0].tolist() == [2, 0]
    with pytest.raises(SelectdisError, match=r"row 2, column 'size' of the frame: 'smal'.*small"):
        labels_of_frame(frame.replace("small", "smal"), 10)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_sheet_has_the_pictures_in_the_order_of_its_rows(tmp_path, channels):
    images = np.broadcast_to(np.arange(10, dtype=np.uint8)[:, None, None, None] * 20, (10, channels, 16, 24)).copy()
    data = ImageDataset("gray", images)
    html = LabelFactor("a<b", ("x", "y"), False)
    paths = write_label_sheet(tmp_path / "sheet.csv", data, np.array([2, 5, 9, 0, 1, 4]), [SIZE, html])
    assert [path.name for path in paths] == ["sheet.csv", "sheet.png", "sheet.html"]
    rows = list(csv.reader(paths[0].open()))
    assert rows[0] == ["number", "image", "size=small,medium,large", "a<b:x,y"]
    assert rows[1] == ["1", "2", "", ""]
    assert [row[1] for row in rows[1:]] == ["2", "5", "9", "0", "1", "4"]
    pixels = np.array(Image.open(paths[1]))
    first, second_row = pixels[8 + 22 + 40, 8 + 64, 0], pixels[8 + 22 + 136 + 22 + 40, 8 + 64, 0]
    assert (first, second_row) == (40, 80)
    page = paths[2].read_text()
    assert page.count("<img") == 6
    assert "<b>a&lt;b</b>" in page
    filled = paths[0].read_text().replace("1,2,,", "1,2,large,y")
    assert read(tmp_path, filled).images.tolist() == [2]
