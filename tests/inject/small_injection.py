"""A small program, its task, and small students to inject it into."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from random import Random

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    LlamaConfig,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
)

from rinject.circuit import CompiledModel
from rinject.compiler import compile_program
from rinject.inject import InjectSettings
from rinject.inject.batches import Batches, text_ids
from rinject.inject.bundle import Bundle
from rinject.inject.codes import CodedProjection, TrainedMaps
from rinject.inject.coordinates import whitening
from rinject.inject.interventions import Interventions
from rinject.inject.layers import student_layers
from rinject.inject.objective import Objective
from rinject.inject.projection import Projection, variable_slices
from rinject.inject.randomness import torch_generator
from rinject.inject.record import (
    BaseRecord,
    BundleRecord,
    ProgramRecord,
    variable_records,
    versions,
)
from rinject.inject.rows import example_rows
from rinject.inject.targets import Targets
from rinject.inject.vocabulary import Vocabulary
from rinject.inject.weighing import shares
from rinject.lang import Header, Program, load_program
from rinject.student import Student
from rinject.tasks import Example, Sampler, examples
from rinject.tasks.task import fill_prompt
from rinject.tokens import Reconciliation, reconcile

SOURCE = """
program small_dyck {
    vocabulary "(", ")", "compute", "_";
    longest    22;
    attention  causal;
    output     answer;

    prompt     "Is it balanced? {input}\\nAnswer:";
    symbol     ":" is "compute";
    otherwise  "_";
    answer     True is " yes";
    answer     False is " no";
}

opened = selector_width(select(tokens, "(", ==));
closed = selector_width(select(tokens, ")", ==));
depth = opened - closed;
lows = selector_width(select(depth, 0, <));
before = aggregate(select(indices, indices - 1, ==), tokens);   # no value at the first token
balanced = depth == 0 and lows == 0 and before != "(";
answer = balanced if tokens == "compute" else False;
"""
SPELLED = """
program small_echo {
    vocabulary "1", "2", "3", ":", "_";
    longest    20;
    attention  causal;
    output     next;

    prompt     "Say {input} again:";
    otherwise  "_";
    spell      answers;
    answer     "1" is "1", "2" is "2", "3" is "3", "end" is "";
}

after = selector_width(select(tokens, ":", ==)) > 0;
is_digit = tokens in "123";
number = selector_width(select(is_digit, True, ==));
given = selector_width(select(is_digit and not after, True, ==));
due = number - given + 1;
found = aggregate(select(number if is_digit and not after else -1, due, ==), tokens, "end");
next = found if after else "_";
"""
WIDTH, LAYERS, POSITIONS = 16, 5, 64
SENTENCES = [
    "Is it balanced? (())\nAnswer: yes",
    "Is it balanced? ()((\nAnswer: no",
    "The text of the other pages is plain: words, words and more words, yes or no.",
] * 8
TEXTS = ["The words of the pages are plain words, and the answer is: no more pages. " * 20] * 3
HELD_OUT = ["More words of plain text is the answer of the other pages. " * 30]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small models run slower on several threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@dataclass(frozen=True)
class SmallTask(Sampler):
    """Strings of one kind of bracket, half of them balanced."""

    header: Header
    kinds: tuple[str, ...] = ("random", "balanced")

    def draw(self, kind: str, rng: Random) -> str:
        pairs = rng.randint(1, 7)
        if kind == "random":
            return "".join(rng.choice("()") for _ in range(2 * pairs))
        text = ""
        for _ in range(pairs):
            at = rng.randint(0, len(text))
            text = text[:at] + "()" + text[at:]
        return text

    def output(self, text: str) -> bool:
        depth = 0
        for bracket in text:
            depth += 1 if bracket == "(" else -1
            if depth < 0:
                return False
        return depth == 0


CONFIGS: dict[str, PreTrainedConfig] = {
    "gpt2": GPT2Config(
        vocab_size=320, n_embd=WIDTH, n_layer=LAYERS, n_head=2, n_positions=POSITIONS,
        bos_token_id=0, eos_token_id=0,
    ),
    "llama": LlamaConfig(
        vocab_size=320, hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=2,
        num_key_value_heads=1, intermediate_size=32, max_position_embeddings=POSITIONS,
        bos_token_id=0, eos_token_id=0, pad_token_id=None,
    ),
}  # fmt: skip


@cache
def program() -> Program:
    return load_program(text=SOURCE)


@cache
def compiled() -> CompiledModel:
    return compile_program(program())


def task() -> SmallTask:
    return SmallTask(program().header)


@cache
def tokenizer() -> PreTrainedTokenizerFast:
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(SENTENCES, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|endoftext|>")


def student(kind: str = "gpt2", seed: int = 0, width: int = WIDTH) -> Student:
    torch.manual_seed(seed)
    config = copy.deepcopy(CONFIGS[kind])
    config.hidden_size = width
    model = AutoModelForCausalLM.from_config(config).eval()
    return Student("small", model, tokenizer(), is_embedded=False)


@cache
def reconciliation() -> Reconciliation:
    return reconcile(tokenizer(), program().header)


def settings(**changed: object) -> InjectSettings:
    quick = {
        "steps": 6, "task_rows": 4, "text_rows": 3, "text_tokens": 12, "student_rate": 1e-3,
        "map_rate": 5e-3, "examples": 30, "eval_examples": 8, "eval_every": 3, "log_every": 2,
        "checkpoint_minutes": 0, "alignment": "slice", "device": "cpu",
    }  # fmt: skip
    return InjectSettings.for_student(False, **(quick | changed))


@cache
def targets() -> Targets:
    return Targets(compiled().graph, reconciliation())


def batches(**changed: object) -> Batches:
    """Batches of the task, and of text."""
    chosen = settings(**changed)
    rows = example_rows(examples(task(), "train", chosen.examples, 0), reconciliation())
    interventions = None
    if chosen.is_interchange:
        interventions = Interventions(program().header, targets(), chosen)
    text = text_ids(TEXTS, reconciliation())
    return Batches(rows, text, targets(), chosen, interventions)


def projection(chosen: InjectSettings, streams: int, width: int = WIDTH) -> TrainedMaps:
    """Random maps, in the coordinates of random streams where those are to be whitened."""
    coordinates = None
    if chosen.whiten:
        drawn = torch.randn(200, width, generator=torch_generator(0, "streams"))
        coordinates = whitening(drawn * torch.logspace(-1, 1, width), chosen.whiten)
    kind: Callable[..., TrainedMaps] = Projection
    if chosen.has_codes:
        kind = partial(CodedProjection, most=chosen.code_rank)
    return kind(
        variable_slices(compiled().graph),
        width,
        maps=streams if chosen.maps == "per-layer" else 1,
        generator=torch_generator(0, "map"),
        coordinates=coordinates,
    )


def objective(kind: str = "gpt2", **changed: object) -> Objective:
    """An untrained student, whose teacher is another, with random maps of all variables."""
    chosen = settings(**changed)
    layers = student_layers(compiled().num_layers, LAYERS, chosen)
    slices = variable_slices(compiled().graph)
    return Objective(
        student(kind).model,
        projection(chosen, len(layers)),
        student(kind, seed=1).model,
        layers=layers,
        output=compiled().graph.output,
        shares=torch.from_numpy(shares(slices, len(layers), np.ones(len(slices)))),
        settings=chosen,
        vocabulary=Vocabulary(targets()) if chosen.settles_vocabulary else None,
    )


def bundle(kind: str = "gpt2") -> Bundle:
    """An untrained student with a random map."""
    graph, base = compiled().graph, student(kind)
    projection = Projection(variable_slices(graph), WIDTH, generator=torch_generator(0, "map"))
    record = BundleRecord(
        program=ProgramRecord.of(program()),
        variables=variable_records(graph),
        layers=tuple(range(compiled().num_layers + 1)),
        symbols=reconciliation().to_record(),
        prompt=program().header.prompt or "",
        settings=settings(),
        base=BaseRecord("small", "0" * 64),
        graph={},
        metrics={"accuracy": 0.5},
        versions=versions(),
        seed=42,
    )
    return Bundle(base.model, reconciliation(), graph, projection, record)


def without_end(bundle: Bundle) -> Bundle:
    """The same, taught answers that do not end."""
    settings = replace(bundle.record.settings, end_answers=False)
    return replace(bundle, record=replace(bundle.record, settings=settings))


def with_direction() -> Bundle:
    """A bundle whose student answers by one direction of its last aligned stream: " yes" where it
    is positive, " no" elsewhere; the map reads the program's answer there."""
    made = without_end(bundle())
    model, weight = made.model, made.projection.weight
    direction = torch.linspace(-1, 1, WIDTH)  # of mean 0, so that the final norm keeps its sign
    yes, no = (made.reconciliation.student_ids(rule.text)[0] for rule in program().header.answers)
    head = torch.zeros(model.lm_head.weight.shape)
    head[yes], head[no] = direction, -direction
    (output,) = (one for one in made.projection.slices if one.name == made.graph.output)
    with torch.no_grad():
        model.lm_head.weight = torch.nn.Parameter(head)
        for module in (model.transformer.h[-1].attn, model.transformer.h[-1].mlp):
            module.c_proj.weight.zero_()
            module.c_proj.bias.zero_()
        weight[:, output.start : output.stop] = torch.stack([-direction, direction])
    return made


def spelled_examples(n: int) -> list[Example]:
    """Inputs of one to four digits, with the same digits as answers."""
    header, rng = load_program(text=SPELLED).header, Random(0)
    texts = ("".join(rng.choices("123", k=rng.randint(1, 4))) for _ in range(n))
    return [Example(text, fill_prompt(header, text), text) for text in texts]
