"""mp_repositories: the outside repositories that mp names, each a directory of a Debian 12 package or of this tree. Nothing is
downloaded. What a workspace has defined before under the same name is used instead."""

def _vendored_impl(ctx):
    # The folder is not a package: it is a repository of its own, with its own WORKSPACE.
    folder = ctx.path(Label("@mp//:WORKSPACE")).dirname.get_child("third_party").get_child(ctx.attr.folder)
    for entry in folder.readdir():
        ctx.symlink(entry, entry.basename)

_vendored = repository_rule(
    implementation = _vendored_impl,
    attrs = {"folder": attr.string(mandatory = True)},
    doc = "A folder of third_party/ as a repository.",
)

def mp_repositories():
    """Defines them."""
    present = native.existing_rules()

    # What Bazel's own tools load.
    for name in ["rules_cc", "remote_coverage_tools"]:
        if name not in present:
            _vendored(name = name, folder = name)
    for name, path in {
        "bazel_skylib": "/usr/share/bazel/tools/skylib",
        "platforms": "/usr/share/bazel/platforms",
        "rules_java": "/usr/share/bazel/rules/java",
        "rules_proto": "/usr/share/bazel/rules/proto",
    }.items():
        if name not in present:
            native.local_repository(name = name, path = path)

    # Libraries. Use them through the aliases //third_party/<name>.
    for name in ["abseil", "benchmark", "boost", "concurrentqueue", "flatbuffers", "googletest", "onetbb", "openssl", "valgrind"]:
        if name not in present:
            native.new_local_repository(
                name = name,
                build_file = "@mp//third_party/{name}:{name}.BUILD".format(name = name),
                path = "/usr",
            )
