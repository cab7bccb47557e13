// mp/internal/base/sanitizer.h
//
// Which sanitizer this was compiled for. GCC says so by a macro, clang by a feature.

#ifndef MP_INTERNAL_BASE_SANITIZER_H_
#define MP_INTERNAL_BASE_SANITIZER_H_

namespace mp::internal {

#if defined(__has_feature)
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

}  // namespace mp::internal

#endif  // MP_INTERNAL_BASE_SANITIZER_H_
