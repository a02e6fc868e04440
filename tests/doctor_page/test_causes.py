"""Each cause has a picture, or was decided to have none."""

from exprun.doctor.causes import CHAIN
from exprun.doctor_page.causes import NUMBERS_ALONE, PICTURES
from exprun.doctor_page.page import SECTIONS

CAUSES = {module.CAUSE.id for module in CHAIN}


def test_each_cause_has_a_picture_or_its_numbers_alone():
    assert set(PICTURES) | NUMBERS_ALONE == CAUSES
    assert not set(PICTURES) & NUMBERS_ALONE


def test_each_kind_of_picture_is_one_that_pages_have():
    kinds = {kind for kinds in SECTIONS.values() for kind in kinds} | {"pairs", "batches", "outputs", "paths"}
    assert {kind for found in PICTURES.values() for kind in found} <= kinds
