// mp/internal/base/sanitizer.h
//
// Which sanitizer this was compiled for, and what ThreadSanitizer cannot know by itself.

#ifndef MP_INTERNAL_BASE_SANITIZER_H_
#define MP_INTERNAL_BASE_SANITIZER_H_

extern "C" {
void __tsan_release(void*);
void __tsan_acquire(void*);
}

namespace mp::internal {

// GCC says so by a macro, clang by a feature; a header of GCC's pretends to have features, and has none.
#if defined(__clang__)
inline constexpr bool kAddressSanitizer = __has_feature(address_sanitizer);
inline constexpr bool kThreadSanitizer = __has_feature(thread_sanitizer);
#else
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kAddressSanitizer = true;
#else
inline constexpr bool kAddressSanitizer = false;
#endif
#if defined(__SANITIZE_THREAD__)
inline constexpr bool kThreadSanitizer = true;
#else
inline constexpr bool kThreadSanitizer = false;
#endif
#endif

// ThreadSanitizer knows this process alone. Memory that comes back to it by way of another one comes in order all the same: what
// threads did to a block before they gave it away stands before what they do once they have it again.
inline void block_leaves([[maybe_unused]] void* block) noexcept {
  if constexpr (kThreadSanitizer) {
    __tsan_release(block);
  }
}
inline void block_comes([[maybe_unused]] void* block) noexcept {
  if constexpr (kThreadSanitizer) {
    __tsan_acquire(block);
  }
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_BASE_SANITIZER_H_
