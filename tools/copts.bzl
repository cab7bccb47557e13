"""Compiler and linker options of the project's own code."""

MP_COPTS = [
    "-std=c++20",
    "-Wall",
    "-Wextra",
    "-Werror",
]

MP_TEST_COPTS = MP_COPTS

MP_LINKOPTS = [
    "-pthread",
    # The build id names a module when a function pointer crosses to another process.
    "-Wl,--build-id=sha1",
    # Every call is bound before main(), so no operation runs the dynamic linker's resolver in its middle.
    "-Wl,-z,now",
]

# For programs whose start is measured: without shared libraries it takes about a quarter of the time. Not with sanitizers,
# and not with //third_party/benchmark, which is a shared library.
MP_STATIC_LINKOPTS = MP_LINKOPTS + ["-static"]
