#include "mp/internal/frame/thunk.h"

#include <atomic>
#include <new>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/base/check.h"
#include "mp/internal/os/module.h"

namespace mp::internal {
namespace {

// What is registered. Nodes are never freed, and buckets are read without a lock: a forked child may look here whatever the
// parent's threads were doing. The record of a library that was closed stays, and no valid token names it.
struct Node {
  const Thunk* thunk;
  uint64_t role;
  uint64_t kind;
  Thunk::Entry entry;
  Node* next;
};
constexpr size_t kBuckets = 1024;
constinit std::atomic<Node*> buckets[kBuckets] = {};

std::atomic<Node*>& bucket_of(const void* thunk) {
  return buckets[(reinterpret_cast<uintptr_t>(thunk) >> 3) * 0x9e3779b97f4a7c15 >> 54];
}

constexpr uint64_t kPointerRole = hash_of("pointer");

uint64_t mix(uint64_t h, uint64_t v) {
  h = (h ^ v) * 0xd6e8feb86659fd93;
  return h ^ (h >> 32);
}

// Changes with every bit of what the token says and of what it shall mean.
uint64_t check_of(const Place& place, uint64_t kind) {
  return mix(mix(mix(mix(kind, place.module.high), place.module.low), place.offset), 0x6d70);
}

Token token_of(const Place& place, uint64_t kind) {
  return {place.module.high, place.module.low, place.offset, check_of(place, kind)};
}

[[noreturn]] void refuse(std::string_view why) {
  raise(make_status("CodecError", absl::StatusCode::kDataLoss, why));
}

const void* find(const Token& token, Place* place) {
  *place = {{token.module_high, token.module_low}, token.offset};
  const void* address = find_address(*place);
  if (address == nullptr) {
    refuse(
        absl::StrCat("mp: the message holds a function of a module that this process has not "
                     "loaded (build id ",
                     absl::Hex(__builtin_bswap64(token.module_high), absl::kZeroPad16),
                     "...): both processes must run the same program, with the same libraries"));
  }
  return address;
}

[[noreturn]] void refuse_token() {
  refuse(
      "mp: the message names a place in the program where no function of this type is registered");
}

}  // namespace

Thunk::Thunk(uint64_t role, std::string_view type, Entry entry) noexcept
    : kind_(hash_of(type, role)) {
  std::atomic<Node*>& bucket = bucket_of(this);
  // sync: thunks (pairs with find_thunk)
  Node* first = bucket.load(std::memory_order_acquire);
  for (Node* node = first; node != nullptr; node = node->next) {
    if (node->thunk == this && node->kind == kind_ && node->entry == entry) {
      return;  // a library that was closed is back
    }
  }
  Node* node = new Node{this, role, kind_, entry, first};
  while (!bucket.compare_exchange_weak(node->next, node, std::memory_order_release,
                                       std::memory_order_relaxed)) {
  }
}

Token Thunk::token() const {
  Place place;
  check(find_place(this, &place), "a thunk outside of every module");
  return token_of(place, kind_);
}

Thunk::Entry find_thunk(const Token& token, uint64_t role) {
  Place place;
  const void* address = find(token, &place);
  // sync: thunks (pairs with Thunk::Thunk)
  Node* node = bucket_of(address).load(std::memory_order_acquire);
  for (; node != nullptr; node = node->next) {
    if (node->thunk == address && node->role == role &&
        check_of(place, node->kind) == token.check) {
      return node->entry;
    }
  }
  refuse_token();
}

namespace {

// The last pointer that this thread has encoded: one call after the other is of the same function. The type is known by where
// its name lies.
struct LastPointer {
  CodePointer pointer;
  const char* type = nullptr;
  Token token;
};
constinit thread_local LastPointer t_last;

}  // namespace

Encoder::Ref encode_pointer(Encoder& e, CodePointer pointer, std::string_view type) {
  if (t_last.type == type.data() && t_last.pointer.address == pointer.address &&
      t_last.pointer.adjustment == pointer.adjustment) {
    return e.pointer(t_last.token, pointer.adjustment);
  }
  // A pointer to a virtual member function is an index with its low bit set. A function may lie at
  // an odd address too, in code that is not optimised.
  Place place;
  if ((reinterpret_cast<uintptr_t>(pointer.address) & 1) != 0 && !is_function(pointer.address)) {
    raise(
        value_error(absl::StrCat("mp: a pointer to a virtual member function (", pretty_name(type),
                                 ") cannot cross to another process: send mp::fn<&Class::method>, "
                                 "or a lambda that calls it")));
  }
  if (!is_function(pointer.address) || !find_place(pointer.address, &place)) {
    raise(
        value_error(absl::StrCat("mp: the ", pretty_name(type), " at 0x",
                                 absl::Hex(reinterpret_cast<uintptr_t>(pointer.address)),
                                 " is not the beginning of a function of this program, and cannot "
                                 "cross to another process: send mp::fn<f>, or a lambda that "
                                 "calls it")));
  }
  uint64_t kind = mix(hash_of(type, kPointerRole), static_cast<uint64_t>(pointer.adjustment));
  const Token token = token_of(place, kind);
  if (place.stays) {
    t_last = {pointer, type.data(), token};
  }
  return e.pointer(token, pointer.adjustment);
}

CodePointer decode_pointer(const Reader& r, std::string_view type) {
  CodePointer pointer;
  Token token = r.pointer(&pointer.adjustment, type);
  Place place;
  pointer.address = find(token, &place);
  uint64_t kind = mix(hash_of(type, kPointerRole), static_cast<uint64_t>(pointer.adjustment));
  if (check_of(place, kind) != token.check || !(r.verified() || is_function(pointer.address))) {
    refuse_token();
  }
  return pointer;
}

std::string pointer_name(CodePointer pointer) {
  std::string name = function_name(pointer.address);
  if (name.size() > 2 && name.compare(name.size() - 2, 2, "()") == 0) {
    name.resize(name.size() - 2);
  }
  return name.empty() ? "function" : name;
}

}  // namespace mp::internal
