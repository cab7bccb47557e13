#include "mp/pool_errors.h"

#include "mp/codec.h"
#include "mp/remote_error.h"

namespace mp {

template <>
struct Codec<WorkerDied> {
  using Fields = std::tuple<std::string, std::string, int, int, uint64_t, int>;
  static Encoder::Ref encode(Encoder& e, const WorkerDied& d) {
    return e.value(Fields(d.what(), d.worker(), d.pid(), d.exitcode(), d.task(), d.attempt()));
  }
  static WorkerDied decode(const Reader& r) {
    return std::make_from_tuple<WorkerDied>(r.as<Fields>());
  }
};

template <>
struct Codec<MaybeEncodingError> {
  using Fields = std::tuple<std::string, std::string>;
  static Encoder::Ref encode(Encoder& e, const MaybeEncodingError& m) {
    return e.value(Fields(m.exc(), m.value()));
  }
  static MaybeEncodingError decode(const Reader& r) {
    return std::make_from_tuple<MaybeEncodingError>(r.as<Fields>());
  }
};

namespace {
[[maybe_unused]] const bool g_registered = register_exception<WorkerDied>() &&
                                           register_exception<MaybeEncodingError>() &&
                                           register_exception<CancelledError>();
}  // namespace

}  // namespace mp
