import pytest

from ultimus.plots.words import number


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.0286612, 2, "0.029"),
        (2.833e-5, 2, "0.000028"),
        (1e-5, 3, "0.00001"),
        (9.76e-6, 2, "9.8 × 10⁻⁶"),
        (-2.5e-13, 3, "−2.5 × 10⁻¹³"),
        (-0.5, 3, "−0.5"),
        (1234567, 3, "1230000"),
        (0, 3, "0"),
        (float("nan"), 3, "nan"),
    ],
)
def test_a_number_is_written_as_people_write_it(value, digits, text):
    assert number(value, digits) == text
