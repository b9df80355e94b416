"""Names of results."""

from poet_mm.apis.result_folder import ResultFolder


def test_names_that_only_differ_in_case(tmp_path):
    results = ResultFolder(str(tmp_path), 'Title')
    names = [
        results._new_name('pictures', name, '.jpg')
        for name in ('x/A.jpg', 'y/a.png', 'a.jpg')
    ]
    assert names == ['pictures/A.jpg', 'pictures/a_2.jpg', 'pictures/a_3.jpg']
