"""`rinject reproduce`: everything in one go, on a small program and a small student."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from command_line import INJECT, PROGRAM, Ran, interrupted, run

from rinject.cli.injection_options import default_words
from rinject.cli.reproduce_plan import injections
from rinject.evaluate.results import load_results
from rinject.inject import InjectSettings, load_bundle, run_path
from rinject.lang import load_program

ROOT = Path(__file__).parents[2]

QUICK = [*INJECT, "--test-examples", "12", "--quick"]
PROGRAMS = ("shuffle_dyck.rasp", "count.rasp", "int_sum.rasp")


def reproduce(where: Path, student: Path, *more: str) -> Ran:
    command = ("reproduce", "dyck.rasp", "-m", student, "-o", "out", *QUICK, *more)
    return run(*command, where=where)


def worked_on(ran: Ran) -> list[str]:
    """What was made or measured; suites and retention are not to be had here."""
    words = (": injecting", ": going on", ": measuring", ": compiling")
    done = [line for line in ran.err.splitlines() if any(word in line for word in words)]
    return [line for line in done if not line.endswith(("suites", "retention"))]


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory: pytest.TempPathFactory, student: Path) -> Path:
    """A directory after a whole reproduction; tests must leave it as it is."""
    where = tmp_path_factory.mktemp("reproduced")
    (where / "dyck.rasp").write_text(PROGRAM)
    ran = reproduce(where, student)
    assert ran.code == 0, ran.err
    assert len(worked_on(ran)) == 1 + 2 + 2 * 5
    return where


@pytest.fixture
def copied(tmp_path: Path, reproduced: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(reproduced, tmp_path / "copied"))


def test_bundles_results_and_report(reproduced: Path) -> None:
    out = reproduced / "out"
    names = {path.name for path in (out / "bundles").iterdir()}
    assert names == {"shuffle_dyck-finetune", "shuffle_dyck-tracr-injection"}
    results = load_results(out / "report" / "results.json")
    assert [run.method for run in results.runs] == ["none", "finetune", "tracr-injection"]
    assert {run.evaluation.accuracy.n for run in results.runs} == {12}
    compiled = results.programs["shuffle_dyck"]
    assert compiled.inputs > 200
    assert compiled.mismatches == 0
    settings = load_bundle(out / "bundles" / "shuffle_dyck-finetune").record.settings
    assert (settings.method, settings.steps, settings.seed) == ("finetune", 4, 42)
    assert not (reproduced / "out.run").exists()


def test_only_what_is_gone_is_done_again(copied: Path, student: Path) -> None:
    out = copied / "out"
    before = (out / "report" / "results.json").read_text()
    assert worked_on(reproduce(copied, student)) == []
    (out / "results" / "shuffle_dyck.compiled.json").unlink()
    (out / "results" / "shuffle_dyck-finetune.decoding.json").unlink()
    (out / "results" / "shuffle_dyck-tracr-injection.noise.png").unlink()
    shutil.rmtree(out / "report")
    again = reproduce(copied, student)
    assert again.code == 0, again.err
    assert worked_on(again) == [
        "shuffle_dyck: compiling and verifying",
        "shuffle_dyck-finetune: measuring decoding",
        "shuffle_dyck-tracr-injection: measuring noise",
    ]
    assert drop_times(before) == drop_times((out / "report" / "results.json").read_text())


def drop_times(text: str) -> list[str]:
    return [line for line in text.splitlines() if '"seconds"' not in line]


def test_a_bundle_that_is_gone_or_not_whole_is_made_again(copied: Path, student: Path) -> None:
    bundles = copied / "out" / "bundles"
    before = (bundles / "shuffle_dyck-finetune" / "model.safetensors").read_bytes()
    (bundles / "shuffle_dyck-finetune" / "model.safetensors").unlink()
    again = reproduce(copied, student)
    assert again.code == 0, again.err
    made = [line for line in worked_on(again) if "injecting" in line]
    assert made == ["shuffle_dyck-finetune: injecting"]
    assert not any("tracr-injection" in line for line in worked_on(again))
    assert (bundles / "shuffle_dyck-finetune" / "model.safetensors").read_bytes() == before


def test_a_damaged_bundle_is_seen_before_anything_is_done(copied: Path, student: Path) -> None:
    bundles = copied / "out" / "bundles"
    shutil.rmtree(bundles / "shuffle_dyck-finetune")
    with (bundles / "shuffle_dyck-tracr-injection" / "model.safetensors").open("r+b") as file:
        file.seek(-20, 2)
        file.write(b"?" * 20)
    ran = reproduce(copied, student)
    assert ran.code == 2
    assert "shuffle_dyck-tracr-injection is damaged: model.safetensors has changed" in ran.err
    assert "remove that bundle to make it anew" in ran.err
    assert worked_on(ran) == []


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (("--steps", "5"), "was made with --steps 4, not 5"),
        (("--rare", "0.5", "--seek", "wrong"), "was made with --rare 0.0, not 0.5"),
        (("--map-rate", "0.5"), "was made with --map-rate 0.0001, not 0.5"),
        (("--model", "tiny"), "was made with the student"),
    ],
)
def test_bundles_made_otherwise_are_kept(
    copied: Path, student: Path, more: tuple[str, ...], problem: str
) -> None:
    ran = reproduce(copied, student, *more)
    assert ran.code == 2
    assert problem in ran.err
    assert "choose another --output" in ran.err


def test_a_report_of_others_is_seen_before_anything_is_done(here: Path, student: Path) -> None:
    (here / "out" / "report").mkdir(parents=True)
    (here / "out" / "report" / "report.md").write_text("mine")
    ran = reproduce(here, student)
    assert ran.code == 2
    assert "report holds another report.md" in ran.err
    assert [path.name for path in (here / "out").iterdir()] == ["report"]


def test_another_program_of_that_name(copied: Path, student: Path) -> None:
    (copied / "dyck.rasp").write_text(PROGRAM.replace("opened < 3", "opened < 4"))
    ran = reproduce(copied, student)
    assert ran.code == 2
    assert "was made with another text of the program shuffle_dyck" in ran.err


def test_several_seeds_go_beside_the_first(copied: Path, student: Path) -> None:
    ran = reproduce(copied, student, "--seeds", "42,7", "--methods", "finetune")
    assert ran.code == 0, ran.err
    assert [line for line in worked_on(ran) if "injecting" in line] == [
        "shuffle_dyck-finetune-7: injecting"
    ]
    results = load_results(copied / "out" / "report" / "results.json")
    assert [(run.method, run.seed) for run in results.runs] == [("finetune", 42), ("finetune", 7)]
    assert "±" in (copied / "out" / "report" / "report.md").read_text()


def test_programs_have_their_own_settings() -> None:
    """Those of the embedded student; `rinject inject` says them, too."""
    programs = [load_program(ROOT / "programs" / name) for name in PROGRAMS]

    def chosen(program: str, method: str) -> InjectSettings:
        return InjectSettings.for_student(True, program, method=method)

    plan = injections(programs, ["finetune"], [1, 2], chosen, Path("out"))
    shifts = {(one.program.name, one.settings.shift) for one in plan}
    assert shifts == {("shuffle_dyck", 0), ("count", 96), ("int_sum", 0)}
    assert {(one.settings.method, one.settings.seed) for one in plan} == {
        ("finetune", 1),
        ("finetune", 2),
    }
    assert default_words("shift") == "0; for tiny with count 96"
    words = default_words("interchange_seek")
    assert words == "changed; for tiny with shuffle_dyck_bits and interchange any"
    words = f"80000; for tiny {InjectSettings.for_student(True).steps};"
    assert default_words("steps").startswith(words)


def test_bits_can_do_without_points(here: Path) -> None:
    bits = ROOT / "programs" / "shuffle_dyck_bits.rasp"
    ran = run("inject", bits, "--model", "tiny", "--alignment", "cosine", where=here)
    assert ran.code == 2
    assert "--digital needs --alignment slice" in ran.err


def test_what_is_verified_is_what_is_injected(here: Path, student: Path) -> None:
    ran = reproduce(here, student, "--stepwise", "--methods", "finetune")
    assert ran.code == 0, ran.err
    out = here / "out"
    compiled = load_results(out / "report" / "results.json").programs["shuffle_dyck"]
    bundle = load_bundle(out / "bundles" / "shuffle_dyck-finetune")
    assert compiled.layers == bundle.graph.num_layers == 2


def test_an_interrupted_injection_goes_on(here: Path, student: Path) -> None:
    steps = ("--steps", "400", "--log-every", "1", "--methods", "finetune")
    metrics = run_path(here / "out" / "bundles" / "shuffle_dyck-finetune") / "metrics.jsonl"
    stopped = interrupted(metrics, lambda: reproduce(here, student, *steps))
    assert stopped.code == 1
    assert "stopped after step" in stopped.err
    assert "the same command goes on from here" in stopped.err
    assert "--resume" not in stopped.err
    went_on = reproduce(here, student, *steps)
    assert went_on.code == 0, went_on.err
    assert "shuffle_dyck-finetune: going on" in worked_on(went_on)
    assert not any("compiling" in line for line in worked_on(went_on))
    record = load_bundle(here / "out" / "bundles" / "shuffle_dyck-finetune").record
    assert record.settings.steps == 400


def test_programs_that_are_not_there(tmp_path: Path, student: Path) -> None:
    ran = run("reproduce", "-m", student, where=tmp_path)
    assert ran.code == 2
    assert "there is no programs/shuffle_dyck.rasp here" in ran.err
    assert "name program files" in ran.err


def test_a_student_that_is_not_there_is_seen_before_anything_is_done(here: Path) -> None:
    ran = reproduce(here, here / "nowhere")
    assert ran.code == 2
    assert "nowhere" in ran.err
    assert worked_on(ran) == []
    assert not (here / "out").exists()


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (("--methods", "finetuned"), "did you mean `finetune`"),
        (("--methods", "none"), "nothing is injected"),
        (("--seeds", "42,x"), "--seeds: 'x' is no seed"),
        (("dyck.rasp",), "two of the programs are called shuffle_dyck"),
        (("--steps", "0"), "--steps must be at least 1"),
    ],
)
def test_what_cannot_be_reproduced(
    here: Path, student: Path, more: tuple[str, ...], problem: str
) -> None:
    ran = reproduce(here, student, *more)
    assert ran.code == 2
    assert problem in ran.err
    assert not (here / "out").exists()
