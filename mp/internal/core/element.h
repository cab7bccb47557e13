// mp/internal/core/element.h
//
// The elements of Values and Arrays: which types can be one, what a process says of them to another,
// how they are read and written, and how Python counts them.

#ifndef MP_INTERNAL_CORE_ELEMENT_H_
#define MP_INTERNAL_CORE_ELEMENT_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "mp/internal/frame/aggregate.h"
#include "mp/internal/frame/type_name.h"

namespace mp::internal {

// -- What can be shared: plain data without addresses --

template <class T>
constexpr bool holds_address();

// Converts to what is or holds an address, and to nothing else.
struct AddressProbe {
  using IsProbe = void;
  template <class F>
  requires(holds_address<F>()) operator F() const {
    __builtin_trap();  // never called, but clang wants a body
  }
};

// The initializer of T behind `before` others may be an address. Elements of arrays count one by
// one.
template <class T, size_t... before>
constexpr bool takes_address_behind(std::index_sequence<before...>) {
  return requires { T{((void)before, Anything{})..., AddressProbe{}}; };
}
template <class T, size_t... i>
constexpr bool takes_address(std::index_sequence<i...>) {
  return (takes_address_behind<T>(std::make_index_sequence<i>()) || ...);
}

// Looks into aggregates, as far as their first 32 initializers; knows views by their data().
template <class T>
constexpr bool holds_address() {
  if constexpr (std::is_array_v<T>) {
    return holds_address<std::remove_all_extents_t<T>>();
  } else if constexpr (std::is_aggregate_v<T>) {
    return takes_address<T>(std::make_index_sequence<32>());
  } else if constexpr (std::is_class_v<T>) {
    return requires(const T& v) { v.data(); }
    || !std::is_same_v<std::unwrap_reference_t<T>, T>;
  } else {
    return std::is_pointer_v<T> || std::is_member_pointer_v<T> || std::is_null_pointer_v<T> ||
           std::is_reference_v<T>;
  }
}

template <class T>
constexpr bool is_plain() {
  // A struct with a reference or a const member can be copied byte by byte, but not assigned.
  return std::is_object_v<T> && std::is_same_v<std::remove_cv_t<T>, T> &&
         std::is_trivially_copyable_v<T> && std::is_copy_assignable_v<T>;
}

}  // namespace mp::internal

namespace mp {

// An end of a slice; {} is Python's None.
using Bound = std::optional<int64_t>;

// What a Value or an Array can hold.
template <class T>
concept Shareable = internal::is_plain<T>() && !internal::holds_address<T>();

namespace internal {

// Where the elements of a Value or Array begin is a multiple of it.
inline constexpr uint64_t kMostAlignment = 64;

// Does not compile unless T can be shared.
template <class T>
constexpr bool require_shareable() {
  constexpr std::string_view kName = type_name<T>();
  constexpr bool kString = kName.rfind("std::basic_string<", 0) == 0 ||
                           kName.rfind("std::__cxx11::basic_string<", 0) == 0;
  constexpr bool kObject = kName == "mp::Object";
  constexpr bool kAddress =
      std::is_reference_v<T> || (is_plain<T>() && holds_address<std::remove_reference_t<T>>());
  static_assert(!kString,
                "mp: a string keeps its characters in the memory of one process. Share an "
                "mp::Array<char>, or send the string through an mp::Queue.");
  static_assert(!kObject,
                "mp: a Value or Array of mp::Object is in another header: include "
                "mp/sharedctypes.h, and make it with mp::make_value() or mp::make_array().");
  static_assert(!kAddress,
                "mp: a pointer, reference or view, also inside a struct, means nothing in another "
                "process. Share the value itself, or its index in an mp::Array.");
  static_assert(kString || kObject || kAddress || is_plain<T>(),
                "mp: a Value or Array holds plain data: numbers, enumerations, and structs of them "
                "that are trivially copyable and can be assigned. Share those fields, or send the "
                "object through an mp::Queue.");
  static_assert(kAddress || !is_plain<T>() || alignof(std::remove_reference_t<T>) <= kMostAlignment,
                "mp: shared memory is aligned to 64 bytes, and to no more. Declare the struct with "
                "alignas(64) or less; what must stand further apart is kept so by its size.");
  return true;
}

// -- What a process says of them to another --

struct ElementType {
  uint64_t tag;   // a typecode of the reference, or struct_tag()
  uint64_t size;  // of one, in bytes
  uint64_t alignment;
  std::string_view spelling;  // a struct's name, as the compiler writes it

  bool is_struct() const noexcept { return tag > 0xff; }
};

// 'c', 'u', 'b' ... of what the reference has a typecode for; '?' and 'g' of bool and long double;
// 0 of the rest. One letter for all types of one form: 'l' of long long too.
template <class T>
constexpr char code_of() {
  if constexpr (std::is_enum_v<T>) {
    return code_of<std::underlying_type_t<T>>();
  } else if constexpr (std::is_same_v<T, bool>) {
    return '?';
  } else if constexpr (std::is_same_v<T, char>) {
    return 'c';
  } else if constexpr (std::is_same_v<T, wchar_t>) {
    return 'u';
  } else if constexpr (std::is_floating_point_v<T>) {
    return sizeof(T) == 4 ? 'f' : sizeof(T) == 8 ? 'd' : 'g';
  } else if constexpr (std::is_integral_v<T> && sizeof(T) <= 8) {
    constexpr int kLog2 = std::countr_zero(sizeof(T));
    return (std::is_signed_v<T> ? "bhil" : "BHIL")[kLog2];
  } else {
    return 0;
  }
}

// Structs of one name need not be one: each file may have its own in an unnamed namespace. They are
// told apart by their form at least.
constexpr uint64_t struct_tag(std::string_view name, uint64_t size, uint64_t alignment) {
  return hash_of(name, size << 32 | alignment) | 0x100;
}

template <class T>
constexpr ElementType element_type() {
  if constexpr (code_of<T>() != 0) {
    return {static_cast<uint64_t>(code_of<T>()), sizeof(T), alignof(T), {}};
  } else {
    constexpr std::string_view kName = type_name<T>();
    return {struct_tag(kName, sizeof(T), alignof(T)), sizeof(T), alignof(T), kName};
  }
}
// The element type of a tag or typecode; none for a struct's or an unknown one.
std::optional<ElementType> element_type_of(uint64_t tag) noexcept;

// The type of a typecode; void for an unknown one.
template <char kCode>
constexpr auto type_of_code() {
  using std::type_identity;
  // clang-format off
  if constexpr (kCode == 'c') return type_identity<char>();
  else if constexpr (kCode == 'u') return type_identity<wchar_t>();
  else if constexpr (kCode == 'b') return type_identity<signed char>();
  else if constexpr (kCode == 'B') return type_identity<unsigned char>();
  else if constexpr (kCode == 'h') return type_identity<short>();
  else if constexpr (kCode == 'H') return type_identity<unsigned short>();
  else if constexpr (kCode == 'i') return type_identity<int>();
  else if constexpr (kCode == 'I') return type_identity<unsigned int>();
  else if constexpr (kCode == 'l') return type_identity<long>();
  else if constexpr (kCode == 'L') return type_identity<unsigned long>();
  else if constexpr (kCode == 'q') return type_identity<long long>();
  else if constexpr (kCode == 'Q') return type_identity<unsigned long long>();
  else if constexpr (kCode == 'f') return type_identity<float>();
  else if constexpr (kCode == 'd') return type_identity<double>();
  else return type_identity<void>();
  // clang-format on
}

template <char kCode>
constexpr auto require_code() {
  static_assert(!std::is_void_v<typename decltype(type_of_code<kCode>())::type>,
                "mp: bad typecode (must be one of c, b, B, u, h, H, i, I, l, L, q, Q, f or d)");
  return type_of_code<kCode>();
}
template <char kCode>
using TypeOfCode = typename decltype(require_code<kCode>())::type;

// -- How they are read and written --

// A number of n bytes, and the same as a view of memory that holds something else of that width.
template <size_t n>
struct Word {};
template <>
struct Word<1> {
  using type = uint8_t;
  typedef uint8_t __attribute__((may_alias)) View;
};
template <>
struct Word<2> {
  using type = uint16_t;
  typedef uint16_t __attribute__((may_alias)) View;
};
template <>
struct Word<4> {
  using type = uint32_t;
  typedef uint32_t __attribute__((may_alias)) View;
};
template <>
struct Word<8> {
  using type = uint64_t;
  typedef uint64_t __attribute__((may_alias)) View;
};
// One instruction reads or writes the whole of it.
template <class T>
concept WordSized = requires {
  typename Word<sizeof(T)>::type;
};

// Elements lie at multiples of their size from a multiple of 16: words are aligned, also where T
// asks for less.
template <class T>
T load(const T* at) noexcept {
  if constexpr (WordSized<T>) {
    using W = Word<sizeof(T)>;
    typename W::type word =
        __atomic_load_n(reinterpret_cast<const typename W::View*>(at), __ATOMIC_RELAXED);
    return std::bit_cast<T>(word);
  } else {
    return *at;
  }
}
template <class T>
void store(T* at, const T& v) noexcept {
  if constexpr (WordSized<T>) {
    using W = Word<sizeof(T)>;
    auto word = std::bit_cast<typename W::type>(v);
    __atomic_store_n(reinterpret_cast<typename W::View*>(at), word, __ATOMIC_RELAXED);
  } else {
    *at = v;
  }
}

// One access under the lock of a Value or Array. It does not ask whether the owner before died, and
// so leaves the answer to the next who may ask.
template <class L>
class Turn {
 public:
  explicit Turn(const L& lock) : lock_(lock) { lock_.begin_turn(); }
  ~Turn() { lock_.end_turn(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  const L& lock_;
};

// -- How Python counts them --

// What may initialize an array of T's: any range whose values become T's. A text is not taken for
// its characters and a NUL.
template <class R, class T>
concept InitializerOf = requires(const R& r) {
  static_cast<T>(*std::begin(r));
  std::end(r);
}
&&!(std::is_convertible_v<const R&, const char*> ||
    std::is_convertible_v<const R&, const wchar_t*>);

[[noreturn]] void raise_index(const ElementType& type, uint64_t count, int64_t i);
[[noreturn]] void raise_slice(const ElementType& type, uint64_t count, uint64_t room,
                              uint64_t given);
[[noreturn]] void raise_too_long(const ElementType& type, uint64_t count, uint64_t given);
// The reference's TypeError for an unknown typecode.
[[noreturn]] void raise_typecode();
// `n`, or ValueError when it is negative.
uint64_t checked_length(int64_t n);

// The place that index `i` means; negative from the end. IndexError when there is none.
template <class T>
uint64_t checked_index(int64_t i, uint64_t count) {
  uint64_t at = i < 0 ? count + static_cast<uint64_t>(i) : static_cast<uint64_t>(i);
  if (at >= count) [[unlikely]] {
    raise_index(element_type<T>(), count, i);
  }
  return at;
}

// The places of a[start:stop:step]: `count` of them from `first` on.
struct Places {
  int64_t first;
  int64_t step;
  uint64_t count;
};
Places places(Bound start, Bound stop, int64_t step, uint64_t count);

template <class T>
std::vector<T> read_places(const T* from, const Places& p) {
  std::vector<T> out;
  out.reserve(p.count);
  for (uint64_t k = 0; k < p.count; ++k) {
    out.push_back(load(from + p.first + static_cast<int64_t>(k) * p.step));
  }
  return out;
}
// The values of a range as they are now: to read them may take a lock, or run the caller's code, and
// must not happen under another.
template <class T, class Range>
auto read_now(const Range& values) {
  if constexpr (requires { std::span<const T>(std::data(values), std::size(values)); }) {
    return std::span<const T>(std::data(values), std::size(values));
  } else {
    std::vector<T> out;
    for (const auto& v : values) {
      out.push_back(static_cast<T>(v));
    }
    return out;
  }
}
// Values: what read_now() returns. `to` has `count` elements.
template <class T, class Values>
void write_places(T* to, const Places& p, const Values& values, uint64_t count) {
  if (values.size() != p.count) [[unlikely]] {
    raise_slice(element_type<T>(), count, p.count, values.size());
  }
  if constexpr (std::is_same_v<Values, std::span<const T>>) {
    // Elements of the same array are read before the first of them is written.
    const std::less<const T*> before;
    if (before(values.data(), to + count) && before(to, values.data() + values.size())) {
      return write_places(to, p, read_places(values.data(), {0, 1, values.size()}), count);
    }
  }
  T* at = to + p.first;
  for (const auto& v : values) {
    store(at, static_cast<T>(v));
    at += p.step;
  }
}

// Arrays of characters: up to the first NUL, or all.
template <class T>
concept Character = std::is_same_v<T, char> || std::is_same_v<T, wchar_t>;

template <Character T>
std::basic_string<T> read_text(const T* from, uint64_t count) {
  std::basic_string_view<T> all(from, count);
  return std::basic_string<T>(all.substr(0, all.find(T())));
}
// Ends it with a NUL where there is room.
template <Character T>
void write_text(T* to, uint64_t count, std::basic_string_view<T> text, bool terminate) {
  if (text.size() > count) [[unlikely]] {
    raise_too_long(element_type<T>(), count, text.size());
  }
  // Upwards: it may be part of the same array. What a libc moves at once need not be whole characters.
  if constexpr (sizeof(T) == 1) {
    std::char_traits<T>::move(to, text.data(), text.size());
  } else {
    for (size_t i = 0; i < text.size(); ++i) {
      store(to + i, text[i]);
    }
  }
  if (terminate && text.size() < count) {
    to[text.size()] = T();
  }
}

// -- Text forms --

// "c_int", "Point".
std::string name_of(const ElementType& type);
// "c_int_Array_10".
std::string array_name(const ElementType& type, uint64_t count);
// As Python's str would hold them; also lone surrogates.
std::string to_utf8(const wchar_t* from, uint64_t count);
// "c_int(7)", "<Point object at 0x7f...>".
std::string value_text(const ElementType& type, const void* at);
// "<multiprocessing.sharedctypes.c_int_Array_10 object at 0x7f...>".
std::string array_text(const ElementType& type, uint64_t count, const void* at);
// "<Synchronized wrapper for c_int(7)>".
std::string locked_value_text(const ElementType& type, const void* at);
std::string locked_array_text(const ElementType& type, uint64_t count, const void* at);

}  // namespace internal
}  // namespace mp

#endif  // MP_INTERNAL_CORE_ELEMENT_H_
