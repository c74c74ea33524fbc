"""What is wrong with an entry of a lesson's file, in the words of whoever wrote it."""

from typing import Any

from ..errors import counted

_KINDS = {
    "string_type": "a text in quotes",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "list_type": "a list in brackets",
    "dict_type": "a table, such as { step = 0 }",
    "model_type": "a table, such as { step = 0 }",
    "model_attributes_type": "a table, such as { step = 0 }",
    "string_pattern_mismatch": "one placeholder, such as {weight}",
}
"""By what pydantic calls it, what an entry should be."""
_COUNTS = {"too_short": ("at least", "min_length"), "too_long": ("at most", "max_length")}
_OF_SHOW = "a text in quotes, a finite number, or true or false"


def told(detail: Any) -> str:
    """What pydantic found, as the end of a sentence.

    Args:
        detail: one of the errors of a `ValidationError`.
    """
    kind, names = detail["type"], [part for part in detail["loc"] if isinstance(part, str)]
    field = ".".join(names)[-80:]
    if names[-1:] == ["[key]"]:
        field = f"a name in {'.'.join(names[:-2])}"
    if names == ["card"] and kind == "list_type":
        return "there is one card: begin each with [[card]], in two brackets"
    if kind == "value_error":
        said = detail["msg"].removeprefix("Value error, ")
        return said.replace("it", field, 1) if said.startswith("it ") else said
    if kind == "extra_forbidden":
        return f"{field} is nothing that a lesson has"
    if kind == "missing":
        return f"{field} is missing"
    if "show" in names[:-1]:  # one of the kinds that it could have been
        return f"{'.'.join(names[: names.index('show') + 2])[-80:]} should be {_OF_SHOW}"
    return f"{field} should {_rule(kind, detail)}"


def _rule(kind: str, detail: Any) -> str:
    if kind == "string_pattern_mismatch" and detail["loc"][-1] == "name":
        return "be letters a to z, digits and -"
    if kind in _KINDS:
        return f"be {_KINDS[kind]}"
    if kind in _COUNTS:
        bound, name = _COUNTS[kind]
        return f"have {bound} {counted(detail['ctx'][name], 'entry', 'entries')}"
    return detail["msg"].partition(" should ")[2] or detail["msg"]
