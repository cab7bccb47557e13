#include "mp/internal/core/ref.h"

#include <new>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/shm/family.h"

namespace mp::internal {

Ref Ref::create(Kind kind, uint64_t size, uint64_t clear) {
  auto object = Family::get().create(kind, size, clear);
  raise_if_error(object.status());
  return take(*object);
}

Ref Ref::adopt(Kind kind, uint64_t offset) {
  Family& family = Family::get();
  // Inside the family a message is trusted; this catches a message read as something it is not.
  const Block* block = offset < family.header().size ? family.arena().block(offset) : nullptr;
  if (offset < kHeapAt || offset % 64 != 0 || block == nullptr ||
      block->state.load(std::memory_order_acquire) != Block::kLive || block->kind != kind) {
    std::string_view name = handle_name(kind);
    raise(
        CodecError(absl::StrCat("mp: a message says that there is an ",
                                absl::string_view(name.data(), name.size()), " at offset ", offset,
                                ", and there is none: did it come from another family, or was "
                                "the last handle to it dropped?"))
            .status());
  }
  family.hold(offset);
  return take(offset);
}

Ref Ref::take(uint64_t offset) {
  Ref ref;
  ref.object_ = Family::get().at<void>(offset);
  ref.local_ = new (std::nothrow) Local{{1}, {false}, {false}, {false}, offset, {nullptr}};
  if (ref.local_ == nullptr) [[unlikely]] {
    Family::get().drop(offset);
    throw std::bad_alloc();
  }
  return ref;
}

Ref::Companion* Ref::accompany(std::unique_ptr<Companion> companion) const noexcept {
  Companion* there = nullptr;
  return local_->companion.compare_exchange_strong(there, companion.get(),
                                                   std::memory_order_acq_rel)
             ? companion.release()
             : there;
}

void Ref::let_go() const noexcept {
  closed().store(true, std::memory_order_relaxed);
  delete local_->companion.exchange(nullptr, std::memory_order_acq_rel);
  if (!local_->let_go.exchange(true, std::memory_order_acq_rel)) {
    Family::get().drop(offset());
  }
}

void Ref::release(Local* local) noexcept {
  delete local->companion.load(std::memory_order_relaxed);
  if (!local->let_go.load(std::memory_order_relaxed)) {
    Family::get().drop(local->offset);
  }
  delete local;
}

}  // namespace mp::internal
