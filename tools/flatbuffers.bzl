"""flatbuffer_cc_library: a C++ library from one FlatBuffers schema.

    flatbuffer_cc_library(
        name = "value_fbs",
        srcs = ["value.fbs"],
    )

in mp/wire gives the header "mp/wire/value_generated.h". A schema names another one by its path from the root of the
workspace (include "mp/wire/value.fbs";) and the library that holds it stands in `deps`.
"""

load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")

FlatbufferInfo = provider("The schemas a library was made from.", fields = {"schemas": "depset of files"})

def _flatbuffer_cc_library_impl(ctx):
    if len(ctx.files.srcs) != 1:
        fail("srcs is one schema; give each schema a library of its own", attr = "srcs")
    schema = ctx.files.srcs[0]
    header = ctx.actions.declare_file(schema.basename[:-len(".fbs")] + "_generated.h")
    schemas = depset([schema], transitive = [dep[FlatbufferInfo].schemas for dep in ctx.attr.deps])

    args = ctx.actions.args()
    args.add_all(["--cpp", "--cpp-std", "c++17", "--scoped-enums", "--keep-prefix"])
    args.add("-I", ctx.label.workspace_root or ".")
    if ctx.attr.object_api:
        args.add("--gen-object-api")
    args.add("-o", header.dirname)
    args.add(schema)
    ctx.actions.run(
        executable = ctx.executable._flatc,
        arguments = [args],
        inputs = schemas,
        outputs = [header],
        mnemonic = "Flatc",
        progress_message = "Generating %s" % header.short_path,
    )

    toolchain = find_cpp_toolchain(ctx)
    deps = [dep[CcInfo] for dep in ctx.attr.deps] + [ctx.attr._runtime[CcInfo]]
    compilation, _ = cc_common.compile(
        name = ctx.label.name,
        actions = ctx.actions,
        cc_toolchain = toolchain,
        feature_configuration = cc_common.configure_features(
            ctx = ctx,
            cc_toolchain = toolchain,
            requested_features = ctx.features,
            unsupported_features = ctx.disabled_features,
        ),
        public_hdrs = [header],
        compilation_contexts = [dep.compilation_context for dep in deps],
    )
    linking = cc_common.merge_cc_infos(cc_infos = deps).linking_context
    return [
        DefaultInfo(files = depset([header])),
        CcInfo(compilation_context = compilation, linking_context = linking),
        FlatbufferInfo(schemas = schemas),
    ]

flatbuffer_cc_library = rule(
    implementation = _flatbuffer_cc_library_impl,
    attrs = {
        "srcs": attr.label_list(
            doc = "The schema, one .fbs file.",
            allow_files = [".fbs"],
            mandatory = True,
        ),
        "object_api": attr.bool(doc = "Also generate the classes that own their fields."),
        "deps": attr.label_list(
            doc = "Libraries of the schemas that this one includes.",
            providers = [CcInfo, FlatbufferInfo],
        ),
        "_flatc": attr.label(
            default = "//third_party/flatbuffers:flatc",
            cfg = "exec",
            executable = True,
            allow_single_file = True,
        ),
        "_runtime": attr.label(
            default = "//third_party/flatbuffers",
            providers = [CcInfo],
        ),
        "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
    },
    fragments = ["cpp"],
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)
