#include "mp/shared_memory.h"

#include <ostream>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/frame/python_text.h"

namespace mp {
namespace {

using internal::SharedMemoryCore;

void leave_zero(std::span<std::byte>) {}

SharedMemoryCore value_or_raise(absl::StatusOr<SharedMemoryCore> core) {
  internal::raise_if_error(core.status());
  return *std::move(core);
}

SharedMemoryCore make(const SharedMemory::Options& options) {
  if (options.size < 0) {
    raise(internal::value_error("'size' must be a positive integer"));
  }
  if (options.create && options.size == 0) {
    raise(internal::value_error("'size' must be a positive number different from zero"));
  }
  if (!options.create) {
    if (!options.name.has_value()) {
      raise(internal::value_error("'name' can only be None if create=True"));
    }
    return value_or_raise(SharedMemoryCore::attach(*options.name));
  }
  auto size = static_cast<uint64_t>(options.size);
  return value_or_raise(options.name.has_value()
                            ? SharedMemoryCore::create(*options.name, size, leave_zero)
                            : SharedMemoryCore::create(size, leave_zero));
}

}  // namespace

SharedMemory::SharedMemory(const Options& options) : core_(make(options)) {}

SharedMemory SharedMemory::create(int64_t size) {
  return SharedMemory(Options{.create = true, .size = size});
}

SharedMemory SharedMemory::create(std::string_view name, int64_t size) {
  return SharedMemory(Options{.name = std::string(name), .create = true, .size = size});
}

SharedMemory SharedMemory::attach(std::string_view name) {
  return SharedMemory(Options{.name = std::string(name)});
}

std::span<std::byte> SharedMemory::buf() const {
  std::span<std::byte> bytes = core_.bytes();
  if (bytes.empty()) {
    raise(internal::value_error(absl::StrCat("mp: ", repr(*this), " is closed")));
  }
  return bytes;
}

void SharedMemory::unlink() const { internal::raise_if_error(core_.unlink()); }

std::string repr(const SharedMemory& m) {
  std::string text = "SharedMemory(";
  internal::append_repr(text, m.name());
  absl::StrAppend(&text, ", size=", m.size(), ")");
  return text;
}

std::ostream& operator<<(std::ostream& out, const SharedMemory& m) { return out << repr(m); }

SharedMemory Codec<SharedMemory>::decode(const Reader& r) {
  return SharedMemory(value_or_raise(SharedMemoryCore::decode(r)));
}

}  // namespace mp
