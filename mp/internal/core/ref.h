// mp/internal/core/ref.h
//
// Ref: a handle to a shared object, as Queue, Lock and the others keep it. Copying makes another
// handle to the same thing; the last one of the process tells the family.
//
// Safety  Like std::shared_ptr: distinct Refs from any thread.
// Cost    A copy is one atomic add in private memory.

#ifndef MP_INTERNAL_CORE_REF_H_
#define MP_INTERNAL_CORE_REF_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "mp/internal/shm/kind.h"

namespace mp::internal {

class Ref {
 public:
  Ref() noexcept = default;
  Ref(const Ref& other) noexcept : object_(other.object_), local_(other.local_) {
    if (local_ != nullptr) {
      local_->handles.fetch_add(1, std::memory_order_relaxed);
    }
  }
  Ref(Ref&& other) noexcept
      : object_(std::exchange(other.object_, nullptr)),
        local_(std::exchange(other.local_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    std::swap(local_, other.local_);
    return *this;
  }
  ~Ref() {
    if (local_ != nullptr && local_->handles.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      release(local_);
    }
  }

  // A new object of the family, zeroed after its Block. Throws mp::MemoryError, mp::OSError.
  static Ref create(Kind kind, uint64_t size) { return create(kind, size, size); }
  // The same, of which only the first `clear` bytes are zeroed.
  static Ref create(Kind kind, uint64_t size, uint64_t clear);
  // A handle to an object named in a message of the family; throws mp::CodecError when it is not a
  // `kind`.
  static Ref adopt(Kind kind, uint64_t offset);
  // Takes over one hold() that the family counts already.
  static Ref take(uint64_t offset);

  explicit operator bool() const noexcept { return local_ != nullptr; }
  uint64_t offset() const noexcept { return local_->offset; }
  template <class T>
  T* object() const noexcept {
    return static_cast<T*>(object_);
  }
  // This process closed the object: shared by all its handles here.
  std::atomic<bool>& closed() const noexcept { return local_->closed; }

  // For the class's own use, and shared in the same way.
  std::atomic<bool>& mark() const noexcept { return local_->mark; }

  // This process is done with the object, however many handles it has: they stay, but hold it no
  // more.
  void let_go() const noexcept;

  // Something of this process alone that goes with its handles: with the last one, or with let_go().
  struct Companion {
    virtual ~Companion() = default;
  };
  Companion* companion() const noexcept {
    return local_->companion.load(std::memory_order_acquire);
  }
  // The one there is, if another thread was first.
  Companion* accompany(std::unique_ptr<Companion> companion) const noexcept;

  friend bool operator==(const Ref& a, const Ref& b) noexcept {
    return a.local_ == b.local_ ||
           (a.local_ != nullptr && b.local_ != nullptr && a.offset() == b.offset());
  }

 private:
  struct Local {
    std::atomic<uint32_t> handles;
    std::atomic<bool> closed;
    std::atomic<bool> let_go;
    std::atomic<bool> mark;
    uint64_t offset;
    std::atomic<Companion*> companion;
  };
  static void release(Local* local) noexcept;

  // Not behind local_: one load less before each operation on a lock.
  void* object_ = nullptr;
  Local* local_ = nullptr;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_REF_H_
