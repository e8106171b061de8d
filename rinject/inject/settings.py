"""All hyper-parameters of an injection, with the paper's values as defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from difflib import get_close_matches
from math import isfinite
from typing import Any

from rinject.errors import InputError

CHOICES: dict[str, tuple[str, ...]] = {
    "method": ("tracr-injection", "finetune", "interchange"),
    "alignment": ("slice", "slice-cosine", "cosine"),
    "data": ("paper", "spread", "coverage"),
    "positions": ("read", "answer"),
    "variable_weights": ("equal", "entropy", "layer"),
    "maps": ("shared", "per-layer"),
    "codes": ("auto", "free", "orthogonal"),
    "seek": ("rare", "wrong", "edges"),
    "interchange_seek": ("changed", "any", "rare", "wrong", "edges"),
    "roll": ("final-result", "subspace", "none"),
    "roll_from": ("examples", "answers", "text"),
    "layer_map": ("one-to-one", "stretched"),
    "optimizer": ("adamw", "muon"),
    "precision": ("auto", "float32", "bfloat16"),
    "forward": ("auto", "joint", "apart"),
    "compile": ("auto", "on", "off"),
}
"""The settings that take one of a few words."""

_AT_LEAST_ONE = (
    "steps", "task_rows", "text_rows", "kl_every", "examples", "log_every", "eval_every",
    "interchange_every", "interchange_tries",
)  # fmt: skip
_NOT_NEGATIVE = (
    "matrix_rate", "student_rate", "map_rate", "whiten", "balance", "alpha", "beta", "gamma",
    "answer_balance", "digital", "weight_decay", "anchor", "task_tokens", "shift", "threads",
    "eval_examples", "suite_examples", "code_rank", "checkpoint_minutes", "seed",
)  # fmt: skip
_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")
_SHARES = (
    "warmup", "decay", "rare", "rare_combinations", "interchange_start", "interchange_share",
    "interchange_rest", "interchange_spent", "interchange_alone", "roll_share", "strict_share",
    "answer_share", "vocabulary", "clear_later",
)  # fmt: skip
OF_INTERVENTIONS = (
    "interchange_start", "interchange_every", "interchange_share", "interchange_tries",
    "interchange_alone", "interchange_seek", "interchange_rest", "interchange_spent",
)  # fmt: skip
_NOT_OF_THE_BASELINE = (
    "digital", "vocabulary", "clear_later", "roll", "roll_share", "roll_from", "strict_share",
)  # fmt: skip
_ERRORS = ("wrong", "edges")  # what is measured on the way, and sought
_MEASURING = ("eval_every", "eval_examples")
_NOT_OF_THE_RUN = ("threads", "log_every", "suite_examples", "checkpoint_minutes", *_MEASURING)


@dataclass(frozen=True)
class InjectSettings:
    """How a program is injected (arXiv 2505.10719, section 3 and appendix D).

    Raises InputError, naming the flag, for a value that cannot be used.
    """

    method: str = "tracr-injection"
    """`tracr-injection`; `interchange`, which adds interventions on the program's variables; or the
    baseline `finetune`: no alignment and no roll, only a probe."""
    alignment: str = "cosine"
    """Loss of the map: `cosine` over the whole stream (the paper's); or within the slice of each
    variable its cross-entropy, `slice`, or its cosine, `slice-cosine`."""
    data: str = "paper"
    """Which inputs to train on: those that the task draws, as in the `paper`; or edits of them,
    too, that bring rare values and combinations: such as the task's rule can draw, if hardly ever
    (`spread`), or any that the program reads (`coverage`), after which suites are no longer out of
    distribution."""
    shift: int = 0
    """The position of each example's first token is drawn from 0 to this one, so that answers
    cannot rest on where a token stands. Text and all measuring begin at 0. Students whose positions
    are relative (rotary ones) hardly notice."""
    positions: str = "read"
    """Where streams are aligned: at every token that the program `read`s, or only at those before a
    token of the `answer`."""
    variable_weights: str = "equal"
    """What variables count in the alignment of slices: all `equal`, by the `entropy` of their
    values, or in proportion to the `layer` that computes them."""
    maps: str = "shared"
    """One linear map, `shared` by all layers (the paper's), or one `per-layer`."""
    codes: str = "auto"
    """What the map reads of variables: `free`, any directions for each of their values (the
    paper's); `orthogonal`, a few coordinates for each variable alone, in which its values are
    points; or `auto`: orthogonal where variables are intervened on."""
    code_rank: int = 0
    """The most coordinates of a variable's code under --codes orthogonal; 0 for as many as fit."""
    balance: float = 0.0
    """How the slice alignment weighs a position whose value occurs n times in a batch: n^-balance.
    0 treats positions alike, 1 the values of a variable."""
    answer_balance: float = 0.0
    """How L_CE weighs an answer token that occurs n times in a batch: by n to the power of minus
    this. Under interventions some answers are far more frequent than others."""
    answer_share: float = 0.0
    """Share of each variable's weight in the slice alignment that lies where an answer is due;
    --balance holds within this part and within the rest. 0 treats these positions as any other."""
    digital: float = 0.0
    """Weight, within the alignment of slices, of how far variables with two values are from two
    points (needs --alignment slice). Without it, how clear a case is shows in the code as an
    amount, and what computes with the variable adds up amounts."""
    vocabulary: float = 0.0
    """Share of its way by which each step moves every token of the student, in the embedding, to
    the code of the symbol that the program reads it as. Without it only tokens of examples are led
    to one, and any other may be part of one symbol and part of another (needs --codes orthogonal;
    the baseline has none)."""
    clear_later: float = 0.0
    """Share by which each step takes away, from every token in the embedding, what it has in the
    coordinates of variables that the program computes later. Without it what tokens happen to have
    there adds up in whatever reads those variables (needs --codes orthogonal and --maps shared;
    costs perplexity, less with a small --code-rank; the baseline has none)."""
    rare: float = 0.0
    """Share of the examples that are drawn for the rare values that they hold, in place of those
    whose turn it is: all in a random order, then all again in another."""
    rare_combinations: float = 0.0
    """Share of the examples of --rare that are drawn not for values but for what comes together
    where an answer is due: the arguments of each operation that has at most 128 combinations of
    them. What always comes together a student need not tell apart. (Nothing to draw where no
    operation meets several, as in count.)"""
    seek: str = "rare"
    """What the examples of --rare are drawn for: `rare` values of the program's variables; `wrong`
    ones, which the map decoded wrong on held-out examples at the last --eval-every; or `edges`, of
    these only what was wrong where all that the variable is computed from was right. The baseline,
    of which only a probe reads, draws rare ones always."""
    similar_lengths: bool = False
    """Put examples of similar length into one step, which saves fillers."""
    steps: int = 80_000
    """Number of optimizer steps."""
    task_rows: int = 12
    """Examples of the task in each step."""
    task_tokens: int = 0
    """Above 0, in place of --task-rows: as many examples as fit into so many tokens."""
    end_answers: bool = True
    """The student's end-of-text token ends each answer, trained and checked with it. Without it (as
    in the paper) an answer that only begins right counts as right."""
    text: str = "documentation"
    """Ordinary text to keep the student close to its former self on: Python's `documentation`,
    which comes with it, `fineweb-edu` from the Hugging Face hub, or a .txt, .jsonl or .parquet file
    or a folder of such. A part is held out for perplexity."""
    text_rows: int = 12
    """Windows of ordinary text in each step."""
    text_tokens: int = 70
    """Tokens of each window of text."""
    optimizer: str = "adamw"
    """Of the student: `adamw` for all of it (the paper's), or `muon` for the blocks' matrices."""
    matrix_rate: float = 0.01
    """Learning rate of the matrices under `--optimizer muon`."""
    student_rate: float = 1e-6
    """Learning rate of the student."""
    map_rate: float = 1e-4
    """Learning rate of the linear map from the student's stream to the program's."""
    whiten: float = 0.0
    """Above 0, the map is learned in coordinates where the student's streams are centred and
    equally wide, down to this share of the mean variance."""
    alpha: float = 1.0
    """Weight of L_CE, the cross-entropy of the answer tokens."""
    beta: float = 1.0
    """Weight of L_ALG, the alignment of the streams."""
    gamma: float = 1.0
    """Weight of L_KL, the divergence from the untouched student on ordinary text."""
    roll: str = "final-result"
    """Which subspace the answer must travel through after the last aligned layer: the map's rows
    of the program's output, `final-result` (the authors' code), its whole `subspace` (the paper),
    or `none`."""
    roll_share: float = 1.0
    """Share of the examples whose stream is rolled (the paper: all). The others are answered as
    they will be in use, with all of their own stream."""
    roll_from: str = "examples"
    """Where the part comes from that --roll does not keep: `examples`, from the same position of
    another one (the paper), even behind its end; `answers`, likewise, but where an answer is due
    from where the other's is, and what has no like there keeps its own; `text`, on steps with text
    from that, which shares nothing with the task. (It begins at position 0, so what comes from it
    says nothing of --shift.)"""
    strict_share: float = 0.0
    """Share of the pairs of an example and an aligned layer before the last in which all that is no
    variable's code comes from where --roll-from says, too. The last layer follows --roll, and the
    baseline has none of both (needs --codes orthogonal)."""
    interchange_every: int = 1
    """Under `--method interchange` every n-th step intervenes: variables take their values from
    elsewhere in the batch, and all that follows must change as in the program."""
    interchange_share: float = 0.25
    """How likely each example of these steps is intervened on at each compiled layer that computes
    a variable that can differ."""
    interchange_rest: float = 0.0
    """How often, of all interventions, the part of the stream moves along that is no variable's
    code, from which nothing may follow (needs --codes orthogonal, and no --shift)."""
    interchange_spent: float = 0.0
    """How often, of all interventions, variables that no later layer reads move along, such as a
    count that a difference was made of. Nothing may follow from that, so what is to come cannot be
    made of them (needs --codes orthogonal)."""
    interchange_start: float = 0.2
    """Share of the steps before the first intervention."""
    interchange_tries: int = 4
    """Interventions that are drawn for each compiled layer in a step; each example takes the one
    that changes most of what follows in it (see --interchange-seek)."""
    interchange_alone: float = 0.5
    """How often they are of one variable alone, not of some of the layer's."""
    interchange_seek: str = "changed"
    """How interventions of --interchange-tries are compared: by how many values are `changed`; not
    at all, so that `any` is taken of those that change something; by how `rare` the values are that
    come about, those most that hardly any example holds; or by how often these were read `wrong`
    when fidelity was measured last (see --eval-every), for `edges` where all that they are computed
    from was right."""
    stepwise: bool = False
    """Compile the program with a layer for each of its steps, so that interventions reach the edges
    between its variables, but for those in the embedding (the student must be as deep)."""
    layer_map: str = "one-to-one"
    """Compiled layer i is aligned with student layer i (`one-to-one`), or they are `stretched` over
    the student."""
    last_layer: int | None = None
    """Student layer that the last compiled layer is stretched to; by default a sixth of the
    student's layers stay free after it."""
    warmup: float = 0.0
    """Share of the steps over which all rates rise from zero."""
    decay: float = 0.0
    """Share of the steps, at the end, over which all rates fall to zero."""
    weight_decay: float = 0.0
    """Decoupled weight decay of student and map, in units of the learning rate."""
    anchor: float = 0.0
    """Decoupled decay of the student towards its own former weights; like weight decay, in units of
    the learning rate."""
    kl_every: int = 1
    """Compute L_KL on every n-th step only, with n times its weight."""
    examples: int = 100_000
    """The most different examples drawn; later steps take them again in another order. With --data
    coverage up to 8 times as many, until the second half of them shows nothing new."""
    threads: int = 0
    """Threads of torch on the CPU; 0 leaves torch's choice."""
    device: str = "auto"
    """`cpu`, `cuda`, `cuda:N`, `mps`, or `auto`: CUDA where there is one."""
    precision: str = "auto"
    """Of the forward passes: `float32`, `bfloat16`, or `auto`: bfloat16 on CUDA where the GPU has
    it."""
    forward: str = "auto"
    """Task and text rows go through the student `joint`ly, or `apart`; `auto`: jointly where that
    adds few fillers."""
    compile: str = "auto"
    """Compile the student's blocks: `on`, `off`, or `auto`: on CUDA only."""
    checkpoint_activations: bool = False
    """Compute the blocks' activations anew in the backward pass, to save memory."""
    log_every: int = 10
    """Steps between two reports of progress."""
    eval_every: int = 1000
    """Steps between two measurements on held-out examples: accuracy, fidelity and suites."""
    eval_examples: int = 200
    """Number of held-out examples measured; 0 measures none."""
    suite_examples: int = 0
    """Number of inputs of each out-of-distribution suite of the task that are answered at every
    --eval-every, for curves of them; 0 for none."""
    checkpoint_minutes: float = 10.0
    """Minutes between two checkpoints; 0 keeps one when stopped and at the end only."""
    seed: int = 42
    """Seed of everything random."""

    def __post_init__(self) -> None:
        for name, words in CHOICES.items():
            value = getattr(self, name)
            _check(value in words, name, f"must be {' or '.join(words)}, not {value!r}")
        is_device = _DEVICE.fullmatch(self.device)
        _check(is_device, "device", f"must be auto, cpu, cuda, cuda:N or mps, not {self.device!r}")
        for name in _AT_LEAST_ONE:
            self._check_number(name, 1)
        for name in _NOT_NEGATIVE:
            self._check_number(name, 0)
        self._check_number("text_tokens", 2)
        for name in _SHARES:
            self._check_number(name, 0)
            value = getattr(self, name)
            _check(value <= 1, name, f"must be 0 to 1, not {value}")
        _check(self.warmup + self.decay <= 1, "decay", "and --warmup together exceed all steps")
        has_points = not self.digital or self.alignment == "slice"
        _check(has_points, "digital", "needs --alignment slice", "or give --digital 0")
        needs_codes = {
            "vocabulary": self.settles_vocabulary,
            "code_rank": self.code_rank and not self.is_baseline,
            "strict_share": self.strict_share,
            "interchange_rest": self.is_interchange and self.interchange_rest,
            "interchange_spent": self.is_interchange and self.interchange_spent,
        }
        for name, is_asked in needs_codes.items():
            _check(not is_asked or self.has_codes, name, "needs --codes orthogonal")
        # of several maps that of the embedding never learns to read later variables
        has_own = not self.clears_later or (self.has_codes and self.maps == "shared")
        _check(has_own, "clear_later", "needs --codes orthogonal and --maps shared")
        keeps_place = not (self.is_interchange and self.interchange_rest and self.shift)
        _check(keeps_place, "interchange_rest", "keeps positions, so it needs --shift 0")
        both = self.seeks_errors and self.seeks_errors_by_swaps
        own = f"must be changed, any, rare, or like --seek {self.seek}"
        _check(not both or self.seek == self.interchange_seek, "interchange_seek", own)
        is_measured = self.eval_examples or not (self.seeks_errors or self.seeks_errors_by_swaps)
        flag_name = "seek" if self.seeks_errors else "interchange_seek"
        _check(is_measured, flag_name, "needs --eval-examples, on which errors are found")
        has_rare = self.rare or not self.rare_combinations
        _check(has_rare, "rare_combinations", "needs --rare", "or give --rare-combinations 0")
        stretched = self.layer_map == "stretched"
        _check(stretched or self.last_layer is None, "last_layer", "needs --layer-map stretched")

    def _check_number(self, name: str, least: int) -> None:
        value = getattr(self, name)
        _check(value >= least, name, f"must be at least {least}, not {value}")
        _check(isfinite(value), name, f"must be a number, not {value}")

    @classmethod
    def for_student(
        cls, is_embedded: bool, program: str | None = None, **overrides: Any
    ) -> InjectSettings:
        """The defaults for a student, a program of that name and a method, with the given settings.

        None among these stands for the default. Raises InputError for unknown names and unusable
        values.
        """
        if not is_embedded:
            return cls().changed(overrides)
        chosen = TINY | TINY_PROGRAMS.get(program or "", {})
        if (overrides.get("method") or chosen.get("method")) == "interchange":
            chosen |= TINY_INTERCHANGE.get(program or "", {})
        return cls(**chosen).changed(overrides)

    def changed(self, overrides: Mapping[str, Any]) -> InjectSettings:
        """These settings but for the given ones; None stands for no change.

        Where --task-rows is given, --task-tokens no longer decides. Raises InputError for unknown
        names and unusable values.
        """
        given = {name: value for name, value in overrides.items() if value is not None}
        rows = {"task_tokens": 0} if "task_rows" in given else {}
        return self.from_record(self.to_record() | rows | given)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> InjectSettings:
        """The settings that :meth:`to_record` wrote; unknown names are an InputError."""
        known = [field.name for field in fields(cls)]
        for name in record:
            if name not in known:
                near = get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else None
                raise InputError(f"there is no setting {name!r}", hint=hint)
        return cls(**record)

    def to_record(self) -> dict[str, Any]:
        """All settings by name, ready for JSON."""
        return asdict(self)

    def run_record(self) -> dict[str, Any]:
        """The settings that a resumed run must share: those that change the result."""
        seeks = self.seeks_errors or self.seeks_errors_by_swaps
        decide = set(_MEASURING) if seeks else set()  # when and on what fidelity is read
        free = set(_NOT_OF_THE_RUN) - decide
        return {k: v for k, v in self.to_record().items() if k not in free}

    @property
    def tokens_of_text(self) -> int:
        """Tokens of ordinary text that the run reads."""
        return -(-self.steps // self.kl_every) * self.text_rows * self.text_tokens

    def with_task_rows(self, longest: int) -> InjectSettings:
        """The settings with `task_rows` as `task_tokens` says, for examples of so many tokens."""
        if not self.task_tokens:
            return self
        return replace(self, task_rows=max(1, self.task_tokens // longest))

    @property
    def goes_beyond_task(self) -> bool:
        """Whether training may have inputs that the task does not draw, so those of its suites."""
        return self.data == "coverage"

    @property
    def seeks_errors(self) -> bool:
        """Whether what was read wrong decides what is drawn. Of the baseline only a probe reads,
        and that should change nothing."""
        return self.seek in _ERRORS and self.rare > 0 and not self.is_baseline

    @property
    def seeks_rare_swaps(self) -> bool:
        """Whether interventions are chosen by how rare the values are that they bring about."""
        return self.is_interchange and self.interchange_seek == "rare"

    @property
    def seeks_errors_by_swaps(self) -> bool:
        """Whether they are chosen by how often those values were read wrong."""
        return self.is_interchange and self.interchange_seek in _ERRORS

    @property
    def errors_of_edges(self) -> bool:
        """Whether only errors count where all that a variable is computed from was right."""
        by_swaps = self.seeks_errors_by_swaps and self.interchange_seek == "edges"
        return by_swaps or (self.seeks_errors and self.seek == "edges")

    @property
    def is_baseline(self) -> bool:
        """Whether the student is only finetuned."""
        return self.method == "finetune"

    @property
    def settles_vocabulary(self) -> bool:
        """Whether each step moves the tokens of the embedding."""
        return self.vocabulary > 0 and not self.is_baseline

    @property
    def clears_later(self) -> bool:
        """Whether each step takes from the embedding what is for later variables."""
        return self.clear_later > 0 and not self.is_baseline

    @property
    def embedding_flags(self) -> tuple[str, ...]:
        """The flags of what moves the tokens of the embedding in each step."""
        asked = {"vocabulary": self.settles_vocabulary, "clear_later": self.clears_later}
        return tuple(flag(name) for name, is_asked in asked.items() if is_asked)

    @property
    def has_codes(self) -> bool:
        """Whether each variable has coordinates of its own."""
        return self.codes == "orthogonal" or (self.codes == "auto" and self.is_interchange)

    @property
    def is_rolled(self) -> bool:
        """Whether parts of any stream come from elsewhere."""
        return not self.is_baseline and (self.roll != "none" or self.strict_share > 0)

    @property
    def without_effect(self) -> tuple[str, ...]:
        """The settings that change nothing under this method."""
        of_interventions = () if self.is_interchange else OF_INTERVENTIONS
        return of_interventions + (_NOT_OF_THE_BASELINE if self.is_baseline else ())

    @property
    def is_interchange(self) -> bool:
        """Whether some steps intervene."""
        return self.method == "interchange"


TINY: dict[str, Any] = {
    "alignment": "slice",
    "variable_weights": "layer",
    "codes": "orthogonal",
    "balance": 1.0,
    "rare": 0.9,
    "seek": "wrong",
    "steps": 3000,
    "task_tokens": 1152,
    "text_rows": 4,
    "text_tokens": 128,
    "kl_every": 2,
    "optimizer": "muon",
    "matrix_rate": 0.008,
    "student_rate": 5e-4,
    "map_rate": 0.04,
    "whiten": 0.1,
    "beta": 10.0,
    "gamma": 20.0,
    "anchor": 0.2,
    "roll_share": 0.8,
    "layer_map": "stretched",
    "warmup": 0.02,
    "decay": 0.6,
    "examples": 60_000,
    "eval_every": 125,
}
"""What differs for the embedded student, which learns in minutes on two CPU cores."""

TINY_PROGRAMS: dict[str, dict[str, Any]] = {
    "count": {"shift": 96},
    "shuffle_dyck_bits": {"method": "interchange", "digital": 3.0, "rare_combinations": 0.5},
}
"""What differs further where it learns the program of that name. A student that counts can go by
how far it is from the beginning, which costs perplexity (`docs/recipes.md`); bits are there to be
bits, each by itself, and to be used (`docs/mechanism.md`)."""

TINY_INTERCHANGE: dict[str, dict[str, Any]] = {
    "shuffle_dyck_bits": {
        "stepwise": True,
        "interchange_seek": "any",
        "interchange_alone": 0.8,
        "interchange_start": 0.4,
        "answer_balance": 1.0,
        "answer_share": 0.2,
    },
    "int_sum_shared": {
        "steps": 10_000,
        "interchange_start": 0.1,
        "interchange_share": 0.15,
        "anchor": 0.25,
    },
}
"""What differs further where it learns that program with interventions (`docs/mechanism.md`)."""


def flag(name: str) -> str:
    """The command-line flag of a setting."""
    return "--" + name.replace("_", "-")


def _check(holds: object, name: str, problem: str, hint: str | None = None) -> None:
    if not holds:
        raise InputError(f"{flag(name)} {problem}", hint=hint)
