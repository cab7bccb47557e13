// mp/internal/frame/codec_time.h
//
// Codecs of lengths of time and points in time, of std::chrono and Abseil.

#ifndef MP_INTERNAL_FRAME_CODEC_TIME_H_
#define MP_INTERNAL_FRAME_CODEC_TIME_H_

#include <chrono>
#include <cstdint>
#include <limits>
#include <string_view>
#include <type_traits>

#include "absl/time/time.h"
#include "mp/internal/frame/codec_base.h"

namespace mp::internal {

// `count` periods of `num` / `den` seconds as seconds and picoseconds, and back. What does not fit the wire, over 290 billion
// years, is for ever, and for ever is the most that `count` can be. `least` and `most`: what the receiver's count can be.
Reader::Span to_span(int64_t count, int64_t num, int64_t den);
int64_t from_span(Reader::Span span, int64_t num, int64_t den, int64_t least, int64_t most,
                  std::string_view wanted);
Reader::Span to_span(double seconds);
double from_span(Reader::Span span);

template <class T>
struct BuiltIn<T, Category::kDuration> {
  using Rep = typename T::rep;
  using Period = typename T::period;
  using Limits = std::numeric_limits<Rep>;
  static_assert(std::is_floating_point_v<Rep> || std::is_integral_v<Rep>,
                "mp: a duration needs a built-in number type.");
  static_assert(std::is_floating_point_v<Rep> || Period::num >= Period::den / 1'000'000'000'000,
                "mp: a duration travels in picoseconds: a period under that is too fine.");

  static constexpr bool kNeverNone = true;
  static Encoder::Ref encode(Encoder& e, const T& v) {
    // With fractions it travels as Python's: a float, in seconds.
    if constexpr (std::is_floating_point_v<Rep>) {
      return e.real(std::chrono::duration<double>(v).count());
    } else {
      Reader::Span span = span_of(v);
      return e.duration(span.seconds, span.picoseconds);
    }
  }
  static T decode(const Reader& r) {
    if constexpr (std::is_floating_point_v<Rep>) {
      double seconds = r.is(Form::kDuration) ? from_span(r.duration()) : r.real(type_name<T>());
      return T(std::chrono::duration<double>(seconds));
    } else {
      return of_span(r.duration(type_name<T>()), type_name<T>());
    }
  }

  static Reader::Span span_of(const T& v) {
    if constexpr (std::is_floating_point_v<Rep>) {
      return to_span(std::chrono::duration<double>(v).count());
    } else {
      return to_span(static_cast<int64_t>(v.count()), Period::num, Period::den);
    }
  }
  static T of_span(Reader::Span span, std::string_view wanted) {
    if constexpr (std::is_floating_point_v<Rep>) {
      return T(std::chrono::duration<double>(from_span(span)));
    } else {
      constexpr int64_t kMost =
          static_cast<int64_t>(sizeof(Rep) == 8 ? std::numeric_limits<int64_t>::max()
                                                : static_cast<int64_t>(Limits::max()));
      return T(static_cast<Rep>(from_span(span, Period::num, Period::den,
                                          static_cast<int64_t>(Limits::min()), kMost, wanted)));
    }
  }
};

template <class T>
struct TimeCodec {
  using Duration = typename T::duration;
  // wire::Clock: system or steady.
  static constexpr uint8_t kClock =
      std::is_same_v<typename T::clock, std::chrono::system_clock> ? 1 : 2;
  static constexpr bool kNeverNone = true;
  static Encoder::Ref encode(Encoder& e, const T& v) {
    Reader::Span span = Codec<Duration>::span_of(v.time_since_epoch());
    return e.time(kClock, span.seconds, span.picoseconds);
  }
  static T decode(const Reader& r) {
    Reader::Span span = r.time(type_name<T>());
    if (span.clock != kClock) {
      r.refuse(type_name<T>());
    }
    return T(Codec<Duration>::of_span(span, type_name<T>()));
  }
};

template <class T>
struct BuiltIn<T, Category::kTime>
    : std::conditional_t<std::is_same_v<typename T::clock, std::chrono::system_clock> ||
                             std::is_same_v<typename T::clock, std::chrono::steady_clock>,
                         TimeCodec<T>, BuiltIn<T, Category::kNone>> {};

}  // namespace mp::internal

namespace mp {

template <>
struct Codec<absl::Duration> {
  static constexpr bool kNeverNone = true;
  static Encoder::Ref encode(Encoder& e, const absl::Duration& v);
  static absl::Duration decode(const Reader& r);
};

template <>
struct Codec<absl::Time> {
  static constexpr bool kNeverNone = true;
  static Encoder::Ref encode(Encoder& e, const absl::Time& v);
  static absl::Time decode(const Reader& r);
};

}  // namespace mp

#endif  // MP_INTERNAL_FRAME_CODEC_TIME_H_
