"""optimised_test: a test whose program is compiled with -c opt, whatever the rest of the build is compiled with.

    cc_binary(
        name = "kill_test_program",
        testonly = True,
        srcs = ["kill_test.cc"],
        tags = ["manual"],
        deps = [...],
    )

    optimised_test(
        name = "kill_test",
        size = "large",
        program = ":kill_test_program",
        tags = ["no_asan", "no_tsan", "optimised"],
    )

For tests that step through instructions: optimised code has a tenth of them, and it is what users run. A sanitizer's own
instructions are not to be stepped through, so these tests run without.
"""

def _optimised_impl(settings, attr):
    return {"//command_line_option:compilation_mode": "opt"}

_optimised = transition(
    implementation = _optimised_impl,
    inputs = [],
    outputs = ["//command_line_option:compilation_mode"],
)

def _optimised_test_impl(ctx):
    program = ctx.attr.program[0]
    test = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = test, target_file = program.files_to_run.executable, is_executable = True)
    return [
        DefaultInfo(executable = test, runfiles = program[DefaultInfo].default_runfiles),
        OutputGroupInfo(compilation_outputs = program[OutputGroupInfo].compilation_outputs),
    ]

optimised_test = rule(
    implementation = _optimised_test_impl,
    attrs = {
        "program": attr.label(
            doc = "The program to run.",
            cfg = _optimised,
            executable = True,
            mandatory = True,
        ),
        "_whitelist_function_transition": attr.label(
            default = "@bazel_tools//tools/whitelists/function_transition_whitelist",
        ),
    },
    test = True,
)
