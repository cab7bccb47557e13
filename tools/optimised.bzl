"""optimised_cc_test: a cc_test that is compiled with -c opt, whatever the rest of the build is compiled with.

For tests that step through instructions: optimised code has a tenth of them, and it is what users run. A sanitizer's own
instructions are not to be stepped through, so these tests run without. The tag "optimised" tells them from the others.
"""

def _optimised_impl(settings, attr):
    return {"//command_line_option:compilation_mode": "opt"}

_optimised = transition(
    implementation = _optimised_impl,
    inputs = [],
    outputs = ["//command_line_option:compilation_mode"],
)

def _optimised_test_impl(ctx):
    program = ctx.attr.program[0][DefaultInfo]
    test = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = test, target_file = program.files_to_run.executable, is_executable = True)
    return [DefaultInfo(executable = test, runfiles = program.default_runfiles)]

_optimised_test = rule(
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

def optimised_cc_test(name, size, **attributes):
    """As cc_test.

    Args:
      name: as of cc_test.
      size: as of cc_test.
      **attributes: as of cc_test.
    """
    native.cc_binary(
        name = name + "_program",
        testonly = True,
        tags = ["manual"],
        **attributes
    )
    _optimised_test(
        name = name,
        size = size,
        program = ":%s_program" % name,
        tags = [
            "no_asan",
            "no_tsan",
            "optimised",
        ],
    )
