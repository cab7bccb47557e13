#include "mp/internal/frame/codec_time.h"

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"

namespace mp {
namespace internal {
namespace {

using Wide = __int128;

constexpr int64_t kTera = 1'000'000'000'000;  // picoseconds in a second
constexpr uint64_t kForEver = ~uint64_t{0};   // in place of the picoseconds
constexpr int64_t kMostSeconds = std::numeric_limits<int64_t>::max();
constexpr int64_t kLeastSeconds = std::numeric_limits<int64_t>::min();

constexpr Wide divide_down(Wide a, Wide b) { return a / b - (a % b < 0 ? 1 : 0); }

bool is_for_ever(Reader::Span s) { return s.picoseconds == kForEver; }

}  // namespace

Reader::Span to_span(int64_t count, int64_t num, int64_t den) {
  Wide seconds = divide_down(Wide{count} * num, den);
  if (seconds > kMostSeconds) {
    return {kMostSeconds, kForEver, 0};
  }
  if (seconds < kLeastSeconds) {
    return {kLeastSeconds, kForEver, 0};
  }
  Wide rest = Wide{count} * num - seconds * den;
  // Rounded, for periods like 1/60 s.
  Wide picoseconds = (rest * kTera + den / 2) / den;
  if (picoseconds == kTera) {
    seconds += 1;
    picoseconds = 0;
  }
  return {static_cast<int64_t>(seconds), static_cast<uint64_t>(picoseconds), 0};
}

int64_t from_span(Reader::Span span, int64_t num, int64_t den, int64_t least, int64_t most,
                  std::string_view wanted) {
  if (is_for_ever(span)) {
    return span.seconds > 0 ? most : least;
  }
  // The count nearest to it, and how far that is away, in picoseconds / den. Whole seconds apart: no product overflows.
  Wide scaled = Wide{span.seconds} * den;
  Wide whole = divide_down(scaled, num);
  Wide rest = (scaled - whole * num) * kTera + static_cast<Wide>(span.picoseconds) * den;
  Wide period = Wide{num} * kTera;
  Wide more = divide_down(2 * rest + period, 2 * period);
  Wide off = rest - more * period;
  Wide count = whole + more;
  if (span.picoseconds >= static_cast<uint64_t>(kTera) || count < least || count > most ||
      2 * off > den || 2 * off < -Wide{den}) {
    raise(value_error(absl::StrCat("mp: the duration ", from_span(span), " s does not fit ",
                                   pretty_name(wanted))));
  }
  return static_cast<int64_t>(count);
}

Reader::Span to_span(double seconds) {
  double whole = std::floor(seconds);
  if (!(whole < 9.2e18)) {
    return {kMostSeconds, kForEver, 0};
  }
  if (whole < -9.2e18) {
    return {kLeastSeconds, kForEver, 0};
  }
  double picoseconds = std::round((seconds - whole) * 1e12);
  if (picoseconds >= 1e12) {
    return {static_cast<int64_t>(whole) + 1, 0, 0};
  }
  return {static_cast<int64_t>(whole), static_cast<uint64_t>(picoseconds), 0};
}

double from_span(Reader::Span span) {
  if (is_for_ever(span)) {
    return span.seconds > 0 ? HUGE_VAL : -HUGE_VAL;
  }
  return static_cast<double>(static_cast<long double>(span.seconds) +
                             static_cast<long double>(span.picoseconds) / 1e12L);
}

namespace {

Reader::Span abseil_span(absl::Duration v) {
  if (v == absl::InfiniteDuration()) {
    return {kMostSeconds, kForEver, 0};
  }
  if (v == -absl::InfiniteDuration()) {
    return {kLeastSeconds, kForEver, 0};
  }
  absl::Duration rest;
  int64_t seconds = absl::IDivDuration(v, absl::Seconds(1), &rest);
  if (rest < absl::ZeroDuration()) {
    --seconds;
    rest += absl::Seconds(1);
  }
  // Abseil counts quarters of a nanosecond.
  return {seconds, static_cast<uint64_t>(absl::ToInt64Nanoseconds(rest * 4)) * 250, 0};
}

absl::Duration abseil_duration(Reader::Span s) {
  if (is_for_ever(s)) {
    return s.seconds > 0 ? absl::InfiniteDuration() : -absl::InfiniteDuration();
  }
  if (s.picoseconds >= static_cast<uint64_t>(kTera)) {
    raise(value_error("mp: a duration with over a second of picoseconds"));
  }
  return absl::Seconds(s.seconds) +
         absl::Nanoseconds(static_cast<int64_t>(s.picoseconds / 250)) / 4;
}

}  // namespace
}  // namespace internal

Encoder::Ref Codec<absl::Duration>::encode(Encoder& e, const absl::Duration& v) {
  Reader::Span span = internal::abseil_span(v);
  return e.duration(span.seconds, span.picoseconds);
}

absl::Duration Codec<absl::Duration>::decode(const Reader& r) {
  return internal::abseil_duration(r.duration("absl::Duration"));
}

Encoder::Ref Codec<absl::Time>::encode(Encoder& e, const absl::Time& v) {
  Reader::Span span = internal::abseil_span(v - absl::UnixEpoch());
  return e.time(1, span.seconds, span.picoseconds);
}

absl::Time Codec<absl::Time>::decode(const Reader& r) {
  Reader::Span span = r.time("absl::Time");
  if (span.clock != 1) {
    r.refuse("absl::Time");
  }
  return absl::UnixEpoch() + internal::abseil_duration(span);
}

}  // namespace mp
