"""The student of a bundle as it was before the injection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rinject.errors import InputError

if TYPE_CHECKING:
    from rinject.inject import Bundle
    from rinject.student import Student


def base_student(bundle: Bundle) -> Student:
    """The student before the injection, as the bundle remembers it.

    Raises InputError where there is none, or its weights are others by now.
    """
    from rinject.student import load_student, weight_hash

    kept = bundle.record.base
    base = load_student(
        kept.name,
        revision=kept.revision,
        dtype=kept.dtype,
        trust_remote_code=kept.runs_own_code,  # as the bundle's was, which is loaded by now
    )
    if weight_hash(base.model) != kept.weight_hash:
        raise InputError(
            f"the model {base.name!r} is not the one that the bundle was made from",
            hint="its weights have changed since; inject the program again",
        )
    return base
