#include "mp/internal/core/elements.h"

#include <cstddef>
#include <cstring>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/core/handle.h"
#include "mp/internal/shm/block.h"

namespace mp::internal {
namespace {

// What stands before the elements; written by their maker alone.
struct Header {
  Block block;
  uint64_t tag;
  uint64_t count;
};
static_assert(sizeof(Header) == 48);

// A value shares the cache line of its header, if it may.
constexpr uint64_t data_at(Kind kind, const ElementType& type) {
  return kind == Kind::kValue && type.size <= 16 && type.alignment <= 16 ? sizeof(Header) : 64;
}

std::string found(Kind kind, uint64_t tag) {
  auto type = element_type_of(tag);
  return absl::StrCat(kind == Kind::kValue ? "a Value of " : "an Array of ",
                      type.has_value() ? name_of(*type) : "another struct");
}

}  // namespace

Elements::Elements(Kind kind, const ElementType& type, uint64_t count, Fill fill) : count_(count) {
  const uint64_t at = data_at(kind, type);
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  // What does not fit into 64 bits does not fit into the arena either, which says so.
  uint64_t bytes = count > (kMost - at) / type.size ? kMost - at : count * type.size;
  ref_ = Ref::create(kind, at + bytes, at);
  auto* header = ref_.object<Header>();
  header->tag = type.tag;
  header->count = count;
  data_ = ref_.object<std::byte>() + at;
  if (fill == Fill::kZero) {
    // Here, and not while the arena's lock is held.
    std::memset(data_, 0, bytes);
  }
}

Elements Elements::decode(Kind kind, const ElementType* type, const Reader& r) {
  Ref ref = decode_ref(kind, r);
  const auto* header = ref.object<Header>();
  auto scalar = element_type_of(header->tag);
  if (type != nullptr ? type->tag != header->tag : !scalar.has_value()) {
    std::string wanted = absl::StrCat(kind == Kind::kValue ? "a Value of " : "an Array of ",
                                      type != nullptr ? name_of(*type) : "a typecode");
    raise(type_error(absl::StrCat("expected ", wanted, ", found ", found(kind, header->tag))));
  }
  void* data = ref.object<std::byte>() + data_at(kind, type != nullptr ? *type : *scalar);
  uint64_t count = header->count;
  return Elements(std::move(ref), data, count);
}

Encoder::Ref Elements::encode(Encoder& e) const {
  return encode_ref(e, static_cast<Kind>(ref_.object<Block>()->kind), ref_);
}

uint64_t Elements::tag() const noexcept { return ref_.object<Header>()->tag; }

}  // namespace mp::internal
