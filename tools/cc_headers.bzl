"""cc_headers: every header that an include of some libraries needs, as files of a test that runs a compiler itself."""

def _cc_headers_impl(ctx):
    headers = depset(transitive = [dep[CcInfo].compilation_context.headers for dep in ctx.attr.deps])
    return [DefaultInfo(files = headers, runfiles = ctx.runfiles(transitive_files = headers))]

cc_headers = rule(
    implementation = _cc_headers_impl,
    attrs = {"deps": attr.label_list(
        doc = "Libraries whose headers are wanted, with those of their own deps.",
        providers = [CcInfo],
        mandatory = True,
    )},
)
