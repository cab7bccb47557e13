// mp/object.h
//
// Object: a value of a type that is known at run time only: None, bool, int, float, str, bytes,
// list, tuple, set, dict, or a handle. What a mp::Queue<> carries. It prints, compares and hashes as
// Python's.
//
//   mp::Queue<> q;
//   q.put({42, mp::None, "hello"});                      // [42, None, 'hello']
//   mp::Object o = q.get();
//   int n = o[0].as<int>();
//   std::cout << o << ' ' << mp::repr(o[2]) << '\n';
//   mp::Object d = mp::dict({{"name", "ada"}, {"born", 1815}});
//   d["died"] = 1852;
//
// A list in braces is a list, and braces around one Object make a list of it; {} alone is None.
// Anything that can be sent (codec.h) converts to what Python would have for it: containers, structs
// and tuples, times as seconds. A Lock, Queue or other handle stays one: o.as<mp::Lock>(). Code, file
// descriptors and exceptions do not compile; a Barrier with an action is an mp::TypeError.
//
// Handles    A value: a copy is another one, as deep as it is (Python: copy.deepcopy), but a handle
//            in it leads to the same thing.
// Safety     As a std::vector.
// Ordering   None of its own.
// Blocking   Never.
// Cost       16 bytes, and memory for texts, containers and handles. A dict or set finds by hash.
// Death      What it has handles to lives as long as it, or a message with it, does.
// Crossing   Any way; with a handle inside, within the family.
// Python     An int is one from -2^63 to 2^64 - 1. A set keeps the order of insertion, as a dict
//            does. d[key] adds a missing key, as std::map does, unless d is const: then, and with
//            at(), it is KeyError. Items of a str or bytes are those of text(). There a queue
//            refuses locks, and a handle prints its state.

#ifndef MP_OBJECT_H_
#define MP_OBJECT_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "mp/bytes.h"
#include "mp/codec.h"
#include "mp/internal/frame/holdable.h"

namespace mp {

class Object;

template <>
struct Codec<Object> {
  static Encoder::Ref encode(Encoder& e, const Object& o);
  static Object decode(const Reader& r);
};

// Python's None.
struct NoneType {
  friend bool operator==(NoneType, NoneType) = default;
};
inline constexpr NoneType None{};

template <>
struct Codec<NoneType> {
  static Encoder::Ref encode(Encoder& e, NoneType) { return e.none(); }
  static NoneType decode(const Reader& r);
};

namespace internal {
struct Items;
struct ObjectAccess;
struct Shared;
struct Table;

// What converts by its Codec. The rest has constructors of its own.
template <class T>
concept BecomesObject =
    std::is_class_v<T> && !std::is_same_v<T, Object> && !std::is_same_v<T, Bytes> &&
    !std::is_convertible_v<const T&, std::string_view> && !is_probe<T> && Sendable<T>;

// What does not cross, or is code, and is a pointer or nobody's to give a Codec: it converts so that
// the compiler says why not, wherever a value may become an Object.
template <class T>
concept NeverAnObject =
    ((std::is_class_v<T> && !is_probe<T> && !Sendable<T>) || std::is_pointer_v<T> ||
     std::is_member_pointer_v<T>)&&!std::is_convertible_v<const T&, std::string_view> &&
    Reasons<T>::kForeign;
}  // namespace internal

class Object {
 public:
  // clang-format off
  enum class Kind : uint8_t {
    kNone, kBool, kInt, kFloat, kStr, kBytes, kList, kTuple, kSet, kDict, kHandle
  };
  // clang-format on

  Object() noexcept {}
  Object(NoneType) noexcept {}
  Object(std::nullptr_t) noexcept {}
  // A bool, an int, a float; a char is a str of one character.
  template <class T>
  requires std::is_arithmetic_v<T> Object(T v) {
    if constexpr (std::is_same_v<T, char>) {
      *this = Object(std::string(1, v));
    } else if constexpr (std::is_floating_point_v<T>) {
      kind_ = Kind::kFloat;
      value_.real = static_cast<double>(v);
    } else {
      kind_ = std::is_same_v<T, bool> ? Kind::kBool : Kind::kInt;
      big_ = std::is_unsigned_v<T> && static_cast<uint64_t>(v) >> 63 != 0;
      value_.integer = static_cast<int64_t>(v);
    }
  }
  template <class T>
  requires std::is_enum_v<T> Object(T v) : Object(static_cast<std::underlying_type_t<T>>(v)) {}
  Object(const char* text) : Object(std::string(text)) {}
  Object(std::string_view text) : Object(std::string(text)) {}
  Object(std::string text);
  Object(Bytes bytes);
  Object(std::initializer_list<Object> items);
  template <internal::BecomesObject T>
  Object(const T& v) : Object() {
    static_assert(internal::require_holdable<T>());
    Encoder& encoder = Encoder::local();
    internal::encode_message(encoder, v);
    *this = Codec<Object>::decode(Reader::open(encoder.message()));
  }

  template <internal::NeverAnObject T>
  Object(const T&) {
    if constexpr (Sendable<T>) {
      static_assert(internal::require_holdable<T>());
    } else {
      static_assert(internal::require_sendable<T>());
    }
  }

  Object(const Object& other);
  Object(Object&& other) noexcept
      : value_(std::exchange(other.value_, {})),
        kind_(std::exchange(other.kind_, Kind::kNone)),
        big_(other.big_) {}
  Object& operator=(Object other) noexcept;
  ~Object();

  Kind kind() const noexcept { return kind_; }
  bool is_none() const noexcept { return kind_ == Kind::kNone; }
  // "NoneType", "int", "list", of a handle "Lock" ...
  const char* type_name() const noexcept;

  // The value as a C++ type. Throws mp::TypeError, mp::ValueError, as receiving it as that would.
  template <class T>
  T as() const {
    static_assert(internal::require_shippable<T>());
    Encoder& encoder = Encoder::local();
    Encoder::Building building(encoder);  // until T's Codec, which may encode too, has read it
    encoder.finish(encoder.value(*this));
    return internal::decode_message<T>(encoder.message());
  }
  // Python's truth: false for None, 0, and what is empty.
  explicit operator bool() const noexcept;

  // Of a str: its UTF-8; of bytes: they. Throws mp::TypeError for the rest.
  std::string_view text() const;

  // Containers. Throw what Python raises: mp::TypeError, IndexError, KeyError, AttributeError.
  size_t size() const;
  bool contains(const Object& item) const;
  // The item at a place, negative from the end, or of a key.
  const Object& at(const Object& key) const;
  const Object& operator[](const Object& key) const { return at(key); }
  Object& operator[](const Object& key);
  void append(Object item);
  void add(Object item);
  // Removes an item of a set, a key of a dict, a place of a list, and returns what was there.
  Object pop(const Object& key);
  // The items of a list, tuple or set; the keys of a dict. Changing it ends the iteration.
  const Object* begin() const;
  const Object* end() const;
  std::span<const Object> keys() const;
  std::span<const Object> values() const;

  // 1 == 1.0 == true, (1,) != [1]; sets and dicts in any order.
  friend bool operator==(const Object& a, const Object& b) { return equal(a, b); }
  // Throw mp::TypeError for what Python does not order. Between sets: is a subset.
  friend bool operator<(const Object& a, const Object& b) { return ordered(a, b, "<"); }
  friend bool operator>(const Object& a, const Object& b) { return ordered(a, b, ">"); }
  friend bool operator<=(const Object& a, const Object& b) { return ordered(a, b, "<="); }
  friend bool operator>=(const Object& a, const Object& b) { return ordered(a, b, ">="); }
  // Equal Objects have equal hashes. Throws mp::TypeError for a list, set or dict.
  size_t hash() const;

 private:
  friend Codec<Object>;
  friend internal::ObjectAccess;

  static bool equal(const Object& a, const Object& b);
  static bool ordered(const Object& a, const Object& b, const char* sign);
  static int number_order(const Object& a, const Object& b);
  static Encoder::Ref encode_items(Encoder& e, std::span<const Object> items);
  void append_repr(std::string& out) const;

  union {
    int64_t integer = 0;  // also of a bool
    double real;
    std::string* text;
    Bytes* bytes;
    internal::Items* items;    // of a list or tuple
    internal::Table* table;    // of a set or dict
    internal::Shared* shared;  // of a handle
  } value_;
  Kind kind_ = Kind::kNone;
  bool big_ = false;  // the int is the unsigned one of these bits
};

// Python's repr() and str(). A handle is "<Lock at 0x1a40>".
std::string repr(const Object& o);
std::string str(const Object& o);
std::ostream& operator<<(std::ostream& out, const Object& o);

Object list(std::initializer_list<Object> items = {});
Object tuple(std::initializer_list<Object> items = {});
Object set(std::initializer_list<Object> items = {});
Object dict(std::initializer_list<std::pair<Object, Object>> items = {});

}  // namespace mp

template <>
struct std::hash<mp::Object> {
  size_t operator()(const mp::Object& o) const { return o.hash(); }
};

#endif  // MP_OBJECT_H_
