"""Options of fuzz targets.

A file foo_fuzz.cc has libFuzzer's entry, and two targets: the binary foo_fuzz, tagged manual, which
`./tools/bazel run --config=fuzz :foo_fuzz` runs for 60 seconds on its corpus, and foo_fuzz_corpus_test, a test like any other,
by any compiler, of all that is in the corpus.
"""

load("//tools:copts.bzl", "MP_LINKOPTS")

FUZZ_LINKOPTS = MP_LINKOPTS + ["-fsanitize=fuzzer"]

# Before the corpus's folder.
FUZZ_ARGS = [
    "-max_total_time=60",
    "-timeout=10",
    "-print_final_stats=1",
]
