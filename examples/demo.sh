#!/bin/sh
# From a program to its variables inside a language model; run by `make demo`.
set -eu
program=programs/shuffle_dyck.rasp
bundle=bundles/demo

step() {
    printf '\n\033[1m%s\033[0m\n' "== $1 =="
    shift
    printf '$ %s\n\n' "$*"
    "$@"
}

step "1. Compile the program into an exact transformer, and verify it" \
    rinject compile "$program"
step "2. See the text as the student and as the program read it" \
    rinject tokens "Are they matched? ([)]{}: yes" --program "$program" --model tiny
step "3. Inject the program into the embedded student, in about a third of the usual steps" \
    rinject inject "$program" --model tiny --output "$bundle" \
    --steps 1100 --roll-share 0.5 --anchor 0.05 --examples 20000
step "4. Measure it on unseen examples and held-out text" \
    rinject eval --bundle "$bundle"
step "5. Read the program's variables while the student answers" \
    rinject decode "([)]{}" --bundle "$bundle"
step "6. The same where a bracket closes nothing" \
    rinject decode "([)]}{" --bundle "$bundle"
