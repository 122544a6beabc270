from __future__ import annotations

from pathlib import Path

import pytest

from selectdis._factors import FactorWarning
from selectdis.data import load_dataset
from selectdis.errors import SelectdisError


def write(pictures: Path, text: str, name: str = "t.csv") -> str:
    (pictures / name).write_text(text)
    return str(pictures / name)


GOOD = "path,age,who,flag\na.png,10,ann,True\nb.jpg,9,bob,False\nbelow/c.bmp,10,ann,False\n"


def test_columns_of_any_kind_become_classes(pictures: Path) -> None:
    data = load_dataset(write(pictures, GOOD), image_size=16)
    assert data.factor_names == ("age", "who", "flag")
    assert data.factor_values == (("9", "10"), ("ann", "bob"), ("False", "True"))  # numbers in their order
    assert data.factors_at(range(3)).tolist() == [[1, 0, 1], [0, 1, 0], [1, 0, 0]]
    assert not data.is_grid
    assert data.images.shape == (3, 3, 16, 16)


def test_chosen_columns_and_other_separators(pictures: Path) -> None:
    name = write(pictures, GOOD)
    assert load_dataset(name, factors=["who"]).factor_names == ("who",)
    assert load_dataset(name, factors="age").factor_sizes == (2,)
    assert not load_dataset(name, factors=[]).labelled
    tabbed = write(pictures, GOOD.replace(",", "\t"), "t.tsv")
    assert load_dataset(tabbed, column="path").factor_names == ("age", "who", "flag")


def test_semicolons_decimal_commas_an_index_and_empty_cells(pictures: Path) -> None:
    rows = ["0;a.png;5,0e-1;1", "1;b.jpg;N/A;1.0", "2;below/c.bmp;0,5;2"]
    name = write(pictures, "\n".join([";path;angle;kind", *rows]))
    with (
        pytest.warns(UserWarning, match=r"the first column of .* has no name and numbers the rows"),
        pytest.warns(FactorWarning, match=r"factor 'angle' of .* has no value in 1 of 3 rows"),
    ):
        data = load_dataset(name)
    assert data.factor_names == ("angle", "kind")
    assert data.factor_values == (("0.5",), ("1", "2"))
    assert data.factors_at(range(3)).tolist() == [[0, 0], [-1, 0], [0, 1]]


def test_unreadable_pictures_take_their_row_along(pictures: Path) -> None:
    (pictures / "b.jpg").write_bytes(b"x")
    with pytest.warns(UserWarning, match="left out 1 of 3"):
        data = load_dataset(write(pictures, GOOD))
    assert data.factors_at([1]).tolist() == [[0, 0, 0]]
    assert data.factor_sizes == (1, 1, 2)
    with pytest.raises(SelectdisError, match="not a picture"):
        load_dataset(write(pictures, GOOD), strict=True)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (GOOD, {"factors": ["agee"]}, "no column 'agee'; did you mean 'age'"),
        (GOOD, {"column": "file"}, "no column 'file'"),
        ("path,age\na.png\n", {}, "2 columns, separated by commas, and 1 in line 2"),
        ("path,age\na.png,\nb.jpg,nan\n", {}, "factor 'age' .* has no value in any row"),
        ("path,age,age\na.png,1,2\n", {}, "names a column twice"),
        ("path,age\n", {}, "header and at least one row"),
        ("a.png,1\nb.jpg,2\n", {}, "the first line of .* names the columns, such as image,size; it holds 'a.png'"),
        ("path,age\nC:\\x\\a.png,1\n", {}, "none of 1 pictures could be read: .*a.png does not exist"),
        ("", {}, "header and at least one row"),
    ],
)
def test_tables_that_cannot_be_used(pictures: Path, text: str, options: dict, message: str) -> None:
    with pytest.raises(SelectdisError, match=message):
        load_dataset(write(pictures, text), **options)


def test_no_table_at_all(pictures: Path) -> None:
    with pytest.raises(SelectdisError, match="there is no file"):
        load_dataset(f"{pictures}/none.csv")
    (pictures / "t.csv").write_bytes(b"\xff\xfe\x00\x80,\n\x00")
    with pytest.raises(SelectdisError, match="not a CSV file"):
        load_dataset(f"{pictures}/t.csv")


def test_trailing_separators_and_a_column_of_paths_by_another_name(pictures: Path) -> None:
    data = load_dataset(write(pictures, "age,where,,\n1,a.png,,\n2,b.jpg,,\n2,below/c.bmp,,\n,,,\n"), image_size=16)
    assert (data.factor_names, len(data)) == (("age",), 3)


def test_backslashes_are_windows_slashes(pictures: Path) -> None:
    data = load_dataset(write(pictures, "path,age\na.png,1\nbelow\\c.bmp,2\n.\\b.jpg,2\n"), image_size=16)
    assert data.factors_at(range(3)).tolist() == [[0], [1], [1]]
