#include "mp/internal/core/object_elements.h"

#include <cstddef>
#include <cstring>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "mp/bytes.h"
#include "mp/errors.h"

namespace mp::internal {
namespace {

using ObjectKind = Object::Kind;

[[noreturn]] void raise_type(const std::string& text) { raise(type_error(text)); }

// A str of Python is well-formed, surrogates aside.
std::wstring from_utf8(std::string_view text) {
  std::wstring out;
  for (size_t i = 0; i < text.size();) {
    auto first = static_cast<unsigned char>(text[i++]);
    int more = first < 0xc0 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    uint32_t c = more == 0 ? first : first & (0x3f >> more);
    for (; more > 0 && i < text.size(); --more) {
      c = c << 6 | (static_cast<unsigned char>(text[i++]) & 0x3f);
    }
    out.push_back(static_cast<wchar_t>(c));
  }
  return out;
}

bool is_integer(const Object& v) {
  return v.kind() == ObjectKind::kInt || v.kind() == ObjectKind::kBool;
}

// The bits of an int, which is negative or not.
uint64_t bits_of(const Object& v) {
  return v < Object(0) ? static_cast<uint64_t>(v.as<int64_t>()) : v.as<uint64_t>();
}

uint64_t integer_of(const Object& v) {
  if (!is_integer(v)) {
    raise_type(absl::StrCat("'", v.type_name(), "' object cannot be interpreted as an integer"));
  }
  return bits_of(v);
}

double real_of(const Object& v) {
  if (v.kind() != ObjectKind::kFloat && !is_integer(v)) {
    raise_type(absl::StrCat("must be real number, not ", v.type_name()));
  }
  return v.as<double>();
}

char char_of(const Object& v) {
  if (v.kind() == ObjectKind::kBytes && v.text().size() == 1) {
    return v.text()[0];
  }
  if (is_integer(v) && bits_of(v) < 256) {
    return static_cast<char>(bits_of(v));
  }
  raise_type("one character bytes, bytearray or integer expected");
}

wchar_t wchar_of(const Object& v) {
  if (v.kind() != ObjectKind::kStr) {
    raise_type(absl::StrCat("unicode string expected instead of ", v.type_name(), " instance"));
  }
  std::wstring text = from_utf8(v.text());
  if (text.size() != 1) {
    raise_type("one character unicode string expected");
  }
  return text[0];
}

template <class T>
T load_at(const void* at) {
  return load(static_cast<const T*>(at));
}
template <class T>
void store_at(void* at, T v) {
  store(static_cast<T*>(at), v);
}

template <class Word>
void copy_word(void* to, const void* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  store_at(to, word);
}
// One store of a word, as store_object() makes it: a memcpy of a size that the compiler does not know
// may write it in pieces.
void copy_element(void* to, const void* from, uint64_t size) {
  switch (size) {
    case 1:
      return copy_word<uint8_t>(to, from);
    case 2:
      return copy_word<uint16_t>(to, from);
    case 4:
      return copy_word<uint32_t>(to, from);
    case 8:
      return copy_word<uint64_t>(to, from);
    default:  // a long double
      std::memcpy(to, from, size);
  }
}

// Calls see(item) for what Python's iteration over `values` gives. TypeError for what has none.
template <class See>
void each_item(const Object& values, See see) {
  switch (values.kind()) {
    case ObjectKind::kBytes:
      for (char c : values.text()) {
        see(Object(int{static_cast<unsigned char>(c)}));
      }
      break;
    case ObjectKind::kStr:
      for (wchar_t c : from_utf8(values.text())) {
        see(Object(to_utf8(&c, 1)));
      }
      break;
    case ObjectKind::kList:
    case ObjectKind::kTuple:
    case ObjectKind::kSet:
    case ObjectKind::kDict:
      for (const Object& item : values) {
        see(item);
      }
      break;
    default:
      raise_type(absl::StrCat("object of type '", values.type_name(), "' has no len()"));
  }
}

std::vector<std::byte> convert(const ElementType& type, const Object& values, uint64_t room) {
  std::vector<std::byte> out;
  out.reserve(room * type.size);
  each_item(values, [&](const Object& item) {
    alignas(16) std::byte one[16];
    store_object(type, one, item);
    out.insert(out.end(), one, one + type.size);
  });
  return out;
}

std::string owner_name(const char* owner, const ObjectElements& e) {
  return owner != nullptr ? owner : array_name(e.type, e.count);
}

}  // namespace

ElementType type_of_typecode(char code) {
  auto type = element_type_of(static_cast<unsigned char>(code));
  if (!type.has_value() || code == '?' || code == 'g') {
    raise_typecode();
  }
  return *type;
}

Object load_object(const ElementType& type, const void* at) {
  switch (static_cast<char>(type.tag)) {
    case 'c':
      return Bytes(std::string_view(static_cast<const char*>(at), 1));
    case 'u':
      return to_utf8(static_cast<const wchar_t*>(at), 1);
    case 'b':
      return int{load_at<int8_t>(at)};
    case 'B':
      return int{load_at<uint8_t>(at)};
    case 'h':
      return load_at<int16_t>(at);
    case 'H':
      return load_at<uint16_t>(at);
    case 'i':
      return load_at<int32_t>(at);
    case 'I':
      return load_at<uint32_t>(at);
    case 'l':
      return load_at<int64_t>(at);
    case 'L':
      return load_at<uint64_t>(at);
    case 'f':
      return load_at<float>(at);
    case 'd':
      return load_at<double>(at);
    case 'g':
      return static_cast<double>(load_at<long double>(at));
    default:
      return load_at<uint8_t>(at) != 0;
  }
}

void store_object(const ElementType& type, void* at, const Object& v) {
  switch (static_cast<char>(type.tag)) {
    case 'c':
      return store_at(at, char_of(v));
    case 'u':
      return store_at(at, wchar_of(v));
    case 'b':
    case 'B':
      return store_at(at, static_cast<uint8_t>(integer_of(v)));
    case 'h':
    case 'H':
      return store_at(at, static_cast<uint16_t>(integer_of(v)));
    case 'i':
    case 'I':
      return store_at(at, static_cast<uint32_t>(integer_of(v)));
    case 'l':
    case 'L':
      return store_at(at, integer_of(v));
    case 'f':
      return store_at(at, static_cast<float>(real_of(v)));
    case 'd':
      return store_at(at, real_of(v));
    case 'g':
      return store_at(at, static_cast<long double>(real_of(v)));
    default:
      return store_at(at, static_cast<uint8_t>(static_cast<bool>(v)));
  }
}

void* ObjectElements::at(int64_t i) const {
  uint64_t k = i < 0 ? count + static_cast<uint64_t>(i) : static_cast<uint64_t>(i);
  if (k >= count) {
    raise_index(type, count, i);
  }
  return static_cast<std::byte*>(data) + k * type.size;
}

Object ObjectElements::slice(Bound start, Bound stop, int64_t step) const {
  Places p = places(start, stop, step, count);
  if (type.tag == 'c') {
    std::vector<char> chars = read_places(static_cast<const char*>(data), p);
    return Bytes(chars.data(), chars.size());
  }
  if (type.tag == 'u') {
    std::vector<wchar_t> chars = read_places(static_cast<const wchar_t*>(data), p);
    return to_utf8(chars.data(), chars.size());
  }
  Object out = list();
  for (uint64_t k = 0; k < p.count; ++k) {
    out.append(get(p.first + static_cast<int64_t>(k) * p.step));
  }
  return out;
}

void ObjectElements::set_slice(Bound start, Bound stop, const Object& values, int64_t step) const {
  Places p = places(start, stop, step, count);
  std::vector<std::byte> flat;
  // As in the reference, what has no length is of the wrong one.
  uint64_t given = 0;
  if (values.kind() >= ObjectKind::kStr) {
    flat = convert(type, values, p.count);
    given = flat.size() / type.size;
  }
  if (given != p.count || values.kind() < ObjectKind::kStr) {
    raise_slice(type, count, p.count, given);
  }
  for (uint64_t k = 0; k < given; ++k) {
    auto i = static_cast<uint64_t>(p.first + static_cast<int64_t>(k) * p.step);
    copy_element(static_cast<std::byte*>(data) + i * type.size, flat.data() + k * type.size,
                 type.size);
  }
}

Object ObjectElements::value(const char* owner) const {
  if (type.tag == 'c') {
    return Bytes(read_text(static_cast<const char*>(data), count));
  }
  if (type.tag == 'u' && owner == nullptr) {
    std::wstring text = read_text(static_cast<const wchar_t*>(data), count);
    return to_utf8(text.data(), text.size());
  }
  raise_attribute(owner_name(owner, *this), "value");
}

void ObjectElements::set_value(const char* owner, const Object& v) const {
  if (type.tag == 'c') {
    if (v.kind() != ObjectKind::kBytes) {
      raise_type(absl::StrCat("bytes expected instead of ", v.type_name(), " instance"));
    }
    write_text(static_cast<char*>(data), count, v.text(), true);
  } else if (type.tag == 'u' && owner == nullptr) {
    if (v.kind() != ObjectKind::kStr) {
      raise_type(absl::StrCat("unicode string expected instead of ", v.type_name(), " instance"));
    }
    std::wstring text = from_utf8(v.text());
    write_text<wchar_t>(static_cast<wchar_t*>(data), count, text, true);
  } else {
    raise_attribute(owner_name(owner, *this), "value");
  }
}

Object ObjectElements::raw(const char* owner) const {
  if (type.tag != 'c') {
    raise_attribute(owner_name(owner, *this), "raw");
  }
  return Bytes(static_cast<const char*>(data), count);
}

void ObjectElements::set_raw(const char* owner, const Object& v) const {
  if (type.tag != 'c') {
    raise_attribute(owner_name(owner, *this), "raw");
  }
  if (v.kind() != ObjectKind::kBytes) {
    raise_type(absl::StrCat("a bytes-like object is required, not '", v.type_name(), "'"));
  }
  write_text(static_cast<char*>(data), count, v.text(), false);
}

uint64_t length_of(const Object& size_or_initializer) {
  if (is_integer(size_or_initializer)) {
    return checked_length(size_or_initializer.as<int64_t>());
  }
  uint64_t n = 0;
  each_item(size_or_initializer, [&n](const Object&) { ++n; });
  return n;
}

void fill(const ObjectElements& elements, const Object& size_or_initializer) {
  if (!is_integer(size_or_initializer)) {
    elements.set_slice({}, {}, size_or_initializer, 1);
  }
}

void raise_attribute(const std::string& owner, const char* attribute) {
  raise(AttributeError(absl::StrCat("'", owner, "' object has no attribute '", attribute, "'"))
            .status());
}

}  // namespace mp::internal
