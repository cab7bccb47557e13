// mp/internal/frame/fast.h
//
// The fast path: a number, a text or a vector of numbers is always the same FlatBuffer up to its content. So it is written as
// a prefix, known at compile time, and one copy, straight to where it shall be; and read by comparing the prefix. The bytes
// are those that an Encoder makes; WIRE.md draws them.

#ifndef MP_INTERNAL_FRAME_FAST_H_
#define MP_INTERNAL_FRAME_FAST_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "mp/internal/frame/codec_ranges.h"
#include "mp/internal/frame/codec_values.h"

namespace mp::internal {

template <class T>
concept FastText = requires {
  requires Codec<T>::kFast == Fast::kText;
};
template <class T>
concept FastScalar = requires {
  requires Codec<T>::kFast == Fast::kScalar;
};
// Not of bool: the byte of a bool is checked when it is read.
template <class T>
concept FastScalars = requires {
  requires Codec<T>::kFast == Fast::kScalars;
}
&&!std::is_same_v<range_value<T>, bool>;
template <class T>
concept FastCodec = FastText<T> || FastScalar<T> || FastScalars<T>;

// char and its like as an integer type that std::in_range takes.
template <class T>
using Integer = typename std::conditional_t<std::is_signed_v<T>, std::make_signed<T>,
                                            std::make_unsigned<T>>::type;

// Everything before the content, for a member of `size` bytes whose field is at `field`.
template <size_t length>
constexpr std::array<std::byte, length> make_prefix(Form form, uint8_t size, uint8_t field) {
  const uint8_t bytes[44] = {
      16,   0,   0,     0,
      'M',  'P', 'V',   'A',  // the Value is at 16
      8,    0,   14,    0,
      7,    0,   8,     0,  // its vtable: type at 7, member at 8
      8,    0,   0,     0,
      0,    0,   0,     static_cast<uint8_t>(form),  // it: vtable 8 bytes before, type
      12,   0,   0,     0,
      0,    0,   6,     0,  // member 12 bytes on; member's vtable
      size, 0,   field, 0,
      6,    0,   0,     0,  // member: vtable 6 bytes before
      4,    0,   0,     0,  // the vector is 4 bytes on
  };
  std::array<std::byte, length> prefix{};
  for (size_t i = 0; i < length; ++i) {
    prefix[i] = std::byte{bytes[i]};
  }
  return prefix;
}

// A text or vector: prefix, length, content. Its content begins at kContentAt.
template <Form form>
inline constexpr auto kVectorPrefix = make_prefix<44>(form, 8, 4);
inline constexpr size_t kContentAt = 48;
// A number of 8 bytes.
template <Form form>
inline constexpr auto kNumberPrefix = make_prefix<40>(form, 12, 4);
// A bool: its byte is the last of a word.
inline constexpr auto kBoolPrefix = make_prefix<40>(Form::kBool, 8, 7);

template <size_t n>
inline bool starts_with(const std::byte* bytes, const std::array<std::byte, n>& prefix) noexcept {
  static_assert(n % 4 == 0);
  uint64_t difference = 0;
  for (size_t i = 0; i < n / 8; ++i) {
    uint64_t a, b;
    std::memcpy(&a, bytes + 8 * i, 8);
    std::memcpy(&b, prefix.data() + 8 * i, 8);
    difference |= a ^ b;
  }
  if constexpr (n % 8 != 0) {
    uint32_t a, b;
    std::memcpy(&a, bytes + n - 4, 4);
    std::memcpy(&b, prefix.data() + n - 4, 4);
    difference |= a ^ b;
  }
  return difference == 0;
}

inline size_t vector_size(size_t content) {
  if (content > kLargestMessage - 64) [[unlikely]] {
    refuse_size();
  }
  return kContentAt + ((content + 3) & ~size_t{3});
}

template <Form form>
inline void write_vector(const void* data, size_t bytes, uint32_t count, size_t total,
                         std::byte* out) noexcept {
  // The padding first: where there is none, the length or the content overwrites it.
  std::memset(out + total - 4, 0, 4);
  std::memcpy(out, kVectorPrefix<form>.data(), kContentAt - 4);
  std::memcpy(out + kContentAt - 4, &count, 4);
  if (bytes != 0) {
    std::memcpy(out + kContentAt, data, bytes);
  }
}

// Content and number of elements of a vector of this form; false if the message is something else.
template <Form form>
inline bool read_vector(std::span<const std::byte> message, size_t width, const std::byte** data,
                        uint32_t* count) noexcept {
  if (message.size() < kContentAt || !starts_with(message.data(), kVectorPrefix<form>)) {
    return false;
  }
  std::memcpy(count, message.data() + kContentAt - 4, 4);
  *data = message.data() + kContentAt;
  return *count <= (message.size() - kContentAt) / width;
}

// The exact size of v's message. Raises ValueError when that is over 2 GiB.
template <FastCodec T>
inline size_t fast_size(const T& v) {
  if constexpr (FastText<T>) {
    // With its final NUL.
    return vector_size(view_of(v).size() + 1);
  } else if constexpr (FastScalars<T>) {
    return vector_size(v.size() * sizeof(range_value<T>));
  } else {
    return std::is_same_v<T, bool> ? 44 : 48;
  }
}

// Writes v's message to the fast_size(v) bytes at `out`, which is 8-aligned.
template <FastCodec T>
inline void fast_write(const T& v, std::byte* out) noexcept {
  if constexpr (FastText<T>) {
    std::string_view text = view_of(v);
    write_vector<Form::kText>(text.data(), text.size(), static_cast<uint32_t>(text.size()),
                              fast_size(v), out);
  } else if constexpr (FastScalars<T>) {
    using V = range_value<T>;
    write_vector<vector_form<V>()>(v.data(), v.size() * sizeof(V), static_cast<uint32_t>(v.size()),
                                   fast_size(v), out);
  } else if constexpr (std::is_same_v<T, bool>) {
    std::memcpy(out, kBoolPrefix.data(), kBoolPrefix.size());
    const uint8_t word[4] = {0, 0, 0, v};
    std::memcpy(out + 40, word, 4);
  } else if constexpr (std::is_enum_v<T>) {
    fast_write(static_cast<std::underlying_type_t<T>>(v), out);
  } else if constexpr (std::is_floating_point_v<T>) {
    std::memcpy(out, kNumberPrefix<Form::kFloat>.data(), 40);
    double number = static_cast<double>(v);
    std::memcpy(out + 40, &number, 8);
  } else {
    bool big = std::is_unsigned_v<T> && static_cast<uint64_t>(v) >> 63 != 0;
    std::memcpy(out, big ? kNumberPrefix<Form::kUInt>.data() : kNumberPrefix<Form::kInt>.data(),
                40);
    uint64_t number = static_cast<uint64_t>(v);
    std::memcpy(out + 40, &number, 8);
  }
}

// The content of a text's message; false if it is something else.
inline bool read_text(std::span<const std::byte> message, std::string_view* text) noexcept {
  const std::byte* data;
  uint32_t size;
  bool found = read_vector<Form::kText>(message, 1, &data, &size);
  if (found) {
    *text = {reinterpret_cast<const char*>(data), size};
  }
  return found;
}

// The content of the message of a vector of V's; false if it is something else.
template <Scalar V>
inline bool read_numbers(std::span<const std::byte> message, std::span<const V>* numbers) noexcept {
  const std::byte* data;
  uint32_t count;
  bool found = read_vector<vector_form<V>()>(message, sizeof(V), &data, &count);
  if (found) {
    *numbers = {reinterpret_cast<const V*>(data), count};
  }
  return found;
}

// Reads v if the message has exactly the shape of a T's; false leaves v as it was, and the general path says why.
template <FastCodec T>
inline bool fast_read(std::span<const std::byte> message, T& v) {
  if constexpr (FastText<T>) {
    std::string_view text;
    bool found = read_text(message, &text);
    if (found) {
      v.assign(text.data(), text.size());
    }
    return found;
  } else if constexpr (FastScalars<T>) {
    std::span<const range_value<T>> numbers;
    if (!read_numbers(message, &numbers)) {
      return false;
    }
    if constexpr (FixedSize<T>) {
      if (numbers.size() != std::tuple_size_v<T>) {
        return false;
      }
      if constexpr (std::tuple_size_v<T> != 0) {
        std::copy(numbers.begin(), numbers.end(), v.begin());
      }
    } else if constexpr (requires { v.assign(numbers.data(), numbers.data()); }) {
      v.assign(numbers.data(), numbers.data() + numbers.size());
    } else {
      v = T(numbers.data(), numbers.data() + numbers.size());
    }
    return true;
  } else if constexpr (std::is_same_v<T, bool>) {
    if (message.size() < 44 || !starts_with(message.data(), kBoolPrefix)) {
      return false;
    }
    v = message[43] != std::byte{0};
    return true;
  } else if constexpr (std::is_enum_v<T>) {
    std::underlying_type_t<T> number{};
    if (!fast_read(message, number)) {
      return false;
    }
    v = static_cast<T>(number);
    return true;
  } else {
    constexpr bool kFloating = std::is_floating_point_v<T>;
    std::conditional_t<kFloating, double, int64_t> number{};
    if (message.size() < 48 ||
        !starts_with(message.data(), kNumberPrefix < kFloating ? Form::kFloat : Form::kInt >)) {
      return false;
    }
    std::memcpy(&number, message.data() + 40, 8);
    if constexpr (!kFloating) {
      if (!std::in_range<Integer<T>>(number)) {
        return false;
      }
    }
    v = static_cast<T>(number);
    return true;
  }
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_FRAME_FAST_H_
