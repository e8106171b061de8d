"""Which student layer each layer of the compiled program is aligned with."""

from __future__ import annotations

from rinject.errors import InputError
from rinject.inject.settings import InjectSettings

FREE_SHARE = 6  # stretched, one layer in six stays free to write the answer


def student_layers(compiled_layers: int, layers: int, settings: InjectSettings) -> tuple[int, ...]:
    """For compiled residual streams 0..k, the student's streams, of which it has 0..`layers`.

    Stretched: stream i meets round(i S / k), S the last aligned one. After it the student needs a
    layer of its own, to turn the program's output into an answer. Raises InputError when the
    student is too shallow.
    """
    k = compiled_layers
    if k >= layers:
        raise InputError(
            f"the program has {k} layers, and the student needs one more to write the answer; it"
            f" has {layers}",
            hint="use a deeper student, or a program of fewer layers",
        )
    if settings.layer_map == "one-to-one" or k == 0:
        return tuple(range(k + 1))
    last = settings.last_layer
    if last is None:
        last = max(k, layers - max(1, layers // FREE_SHARE))
    if not k <= last < layers:
        raise InputError(f"--last-layer must be {k} to {layers - 1} here, not {last}")
    return tuple((2 * i * last + k) // (2 * k) for i in range(k + 1))  # rounded half up
