"""Parts of Markdown pages that programs write."""

import pytest

from exprun.markdown import replace_between

PAGE = "# Title\n\n<!-- keys -->\nstale\n<!-- /keys -->\n\n<!-- causes -->\nkept\n<!-- /causes -->\n"


def test_the_part_between_its_marks_is_replaced_and_the_rest_kept():
    page = replace_between(PAGE, "keys", "fresh\n")
    assert page == PAGE.replace("\nstale\n", "\n\nfresh\n\n")
    assert replace_between(page, "keys", "fresh") == page


@pytest.mark.parametrize(
    "page", ["", "<!-- keys -->", "<!-- /keys --> <!-- keys -->", "<!-- keys --> <!-- /causes -->"]
)
def test_a_page_without_both_marks_in_order_is_refused(page):
    with pytest.raises(ValueError, match="no part between <!-- keys --> and <!-- /keys -->"):
        replace_between(page, "keys", "fresh")
