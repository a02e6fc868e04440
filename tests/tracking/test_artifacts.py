"""The confusion matrix of few classes and of many."""

import json

import numpy as np
import pytest
from PIL import Image

from exprun.tracking import artifacts


def answers(classes, images, wrong=()):
    """Labels of `images` images of each class, and predictions that are right but for `(true, predicted, images)`."""
    labels = np.repeat(np.arange(classes, dtype=np.int32), images)
    predictions = labels.copy()
    for true, predicted, count in wrong:
        predictions[np.flatnonzero(labels == true)[:count]] = predicted
    return labels, predictions


def written(folder, classes, *given):
    names = [f"n{number}" for number in range(classes)]
    artifacts.write_confusion(folder, names, *given)
    note = json.loads((folder / "confusion.json").read_text())
    assert note["classes"] == names
    assert (note["rows"], note["columns"]) == ("true class", "predicted class")
    return note


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are written as pictures."""
    figures = []
    plain = artifacts.FigureCanvasAgg

    def canvas(figure):
        figures.append(figure)
        return plain(figure)

    monkeypatch.setattr(artifacts, "FigureCanvasAgg", canvas)
    return figures


def test_few_classes_are_a_whole_matrix_with_names(tmp_path, drawn):
    note = written(tmp_path, 3, *answers(3, 4, [(0, 2, 1)]))
    assert note["matrix"] == [[3, 0, 1], [0, 4, 0], [0, 0, 4]]
    assert "cells" not in note
    [axis] = drawn[0].axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["n0", "n1", "n2"]
    assert sorted(text.get_text() for text in axis.texts) == ["1", "3", "4", "4"]
    assert axis.get_title() == ""


@pytest.mark.parametrize(("classes", "whole"), [(200, True), (201, False)])
def test_many_classes_are_the_cells_that_are_not_0(tmp_path, classes, whole):
    wrong = [(7, 3, 2), (classes - 1, 0, 1)]
    note = written(tmp_path, classes, *answers(classes, 3, wrong))
    assert ("matrix" in note, "cells" in note) == (whole, not whole)
    found = note["matrix"] if whole else np.zeros((classes, classes), int)
    if not whole:
        for true, predicted, images in note["cells"]:
            found[true, predicted] = images
    expected = 3 * np.eye(classes, dtype=int)
    for true, predicted, images in wrong:
        expected[true, true] -= images
        expected[true, predicted] += images
    np.testing.assert_array_equal(found, expected)


def test_the_file_grows_with_the_images_and_not_with_the_square_of_the_classes(tmp_path):
    """100,000 classes would take 80 GB as a matrix, and their cells' numbers do not fit into 32 bits."""
    note = written(tmp_path, 100_000, *answers(100_000, 1, [(99_999, 99_998, 1)]))
    assert note["cells"][-1] == [99_999, 99_998, 1]
    assert (tmp_path / "confusion.json").stat().st_size < 5e6
    assert Image.open(tmp_path / "confusion.png").width < 2500


def test_the_picture_of_many_classes_shows_those_most_confused(tmp_path, drawn):
    wrong = [(300, 5, 9), (5, 300, 4), (70, 71, 6), *((100 + i, 200 + i, 1) for i in range(40))]
    written(tmp_path, 400, *answers(400, 10, wrong))
    [axis] = drawn[0].axes
    names = [label.get_text() for label in axis.get_xticklabels()]
    assert names[:4] == ["n300", "n5", "n70", "n71"]
    assert len(names) == artifacts.CLASSES_DRAWN
    assert axis.get_title() == "the 30 of 400 classes most often confused, with 32 of 59 wrong predictions"


def test_many_classes_without_a_mistake_have_a_picture_too(tmp_path, drawn):
    written(tmp_path, 250, *answers(250, 1))
    assert len(drawn[0].axes[0].get_xticklabels()) == artifacts.CLASSES_DRAWN
