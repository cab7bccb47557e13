#include "mp/internal/core/element.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/frame/python_text.h"

namespace mp::internal {
namespace {

// As the reference's typecode_to_type; beside them what has no typecode there.
struct Scalar {
  char code;
  const char* name;
  uint64_t size;
};
constexpr Scalar kScalars[] = {
    {'c', "c_char", 1},  {'u', "c_wchar", sizeof(wchar_t)},
    {'b', "c_byte", 1},  {'B', "c_ubyte", 1},
    {'h', "c_short", 2}, {'H', "c_ushort", 2},
    {'i', "c_int", 4},   {'I', "c_uint", 4},
    {'l', "c_long", 8},  {'L', "c_ulong", 8},
    {'f', "c_float", 4}, {'d', "c_double", 8},
    {'?', "c_bool", 1},  {'g', "c_longdouble", 16},
};

const Scalar* scalar_of(uint64_t tag) {
  // Where long and long long are one, the reference prints the former.
  tag = tag == 'q' ? 'l' : tag == 'Q' ? 'L' : tag;
  const auto* found = std::find_if(std::begin(kScalars), std::end(kScalars), [&](const Scalar& s) {
    return static_cast<uint64_t>(s.code) == tag;
  });
  return found != std::end(kScalars) ? found : nullptr;
}

template <class T>
T at_of(const void* at) {
  T v;
  std::memcpy(&v, at, sizeof v);
  return v;
}

std::string float_text(double v) {
  std::string out;
  append_float(out, v);
  return out;
}

std::string scalar_text(char code, const void* at) {
  std::string out;
  switch (code) {
    case 'c':
      append_bytes_repr(out, {static_cast<const char*>(at), 1});
      return out;
    case 'u':
      append_repr(out, to_utf8(static_cast<const wchar_t*>(at), 1));
      return out;
    case 'b':
      return absl::StrCat(int{at_of<int8_t>(at)});
    case 'B':
      return absl::StrCat(int{at_of<uint8_t>(at)});
    case 'h':
      return absl::StrCat(at_of<int16_t>(at));
    case 'H':
      return absl::StrCat(at_of<uint16_t>(at));
    case 'i':
      return absl::StrCat(at_of<int32_t>(at));
    case 'I':
      return absl::StrCat(at_of<uint32_t>(at));
    case 'l':
      return absl::StrCat(at_of<int64_t>(at));
    case 'L':
      return absl::StrCat(at_of<uint64_t>(at));
    case 'f':
      return float_text(at_of<float>(at));
    case 'd':
      return float_text(at_of<double>(at));
    case 'g':
      return float_text(static_cast<double>(at_of<long double>(at)));
    default:
      return at_of<uint8_t>(at) != 0 ? "True" : "False";
  }
}

std::string address(const void* at) {
  return absl::StrCat("0x", absl::Hex(reinterpret_cast<uintptr_t>(at)));
}

// "Point" of "game::Point", "Pair<int>" of "game::Pair<int>".
std::string unqualified(const std::string& name) {
  size_t colons = std::string_view(name).substr(0, name.find('<')).rfind("::");
  return colons == std::string::npos ? name : name.substr(colons + 2);
}

void append_utf8(std::string& out, uint32_t c) {
  if (c < 0x80) {
    out.push_back(static_cast<char>(c));
    return;
  }
  int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  constexpr uint32_t kFirst[] = {0, 0xc0, 0xe0, 0xf0};
  out.push_back(static_cast<char>(kFirst[more] | c >> (6 * more)));
  while (more-- > 0) {
    out.push_back(static_cast<char>(0x80 | (c >> (6 * more) & 0x3f)));
  }
}

}  // namespace

std::optional<ElementType> element_type_of(uint64_t tag) noexcept {
  const Scalar* s = scalar_of(tag);
  if (s == nullptr) {
    return std::nullopt;
  }
  return ElementType{static_cast<uint64_t>(s->code), s->size, s->size, {}};
}

void raise_index(const ElementType& type, uint64_t count, int64_t i) {
  raise(IndexError(absl::StrCat("invalid index: ", array_name(type, count), "[", i, "]")).status());
}

void raise_slice(const ElementType& type, uint64_t count, uint64_t room, uint64_t given) {
  raise(value_error(absl::StrCat("Can only assign sequence of same size: ", given, " values to ",
                                 room, " elements of ", array_name(type, count))));
}

void raise_too_long(const ElementType& type, uint64_t count, uint64_t given) {
  raise(value_error(absl::StrCat(type.tag == 'c' ? "byte string" : "string", " too long: ", given,
                                 " characters for ", array_name(type, count))));
}

void raise_typecode() {
  raise(
      type_error("bad typecode (must be a ctypes type or one of c, b, B, u, h, H, i, I, l, L, q, "
                 "Q, f or d)"));
}

uint64_t checked_length(int64_t n) {
  if (n < 0) [[unlikely]] {
    raise(value_error(absl::StrCat("Array length must be >= 0, not ", n)));
  }
  return static_cast<uint64_t>(n);
}

Places places(Bound start, Bound stop, int64_t step, uint64_t count) {
  if (step == 0) [[unlikely]] {
    raise(value_error("slice step cannot be zero"));
  }
  const auto length = static_cast<int64_t>(count);
  const bool back = step < 0;
  // The ends of what can be meant: before the first element, or behind the last.
  const int64_t least = back ? -1 : 0;
  const int64_t most = back ? length - 1 : length;
  auto bound = [&](Bound i, int64_t otherwise) {
    if (!i.has_value()) {
      return otherwise;
    }
    return std::clamp(*i < 0 ? std::max(*i, -length - 1) + length : *i, least, most);
  };
  int64_t from = bound(start, back ? most : least);
  int64_t to = bound(stop, back ? least : most);
  uint64_t n = 0;
  if (back ? to < from : from < to) {
    uint64_t distance = static_cast<uint64_t>(back ? from - to : to - from);
    uint64_t stride = back ? -static_cast<uint64_t>(step) : static_cast<uint64_t>(step);
    n = (distance - 1) / stride + 1;
  }
  return {from, step, n};
}

std::string name_of(const ElementType& type) {
  if (const Scalar* s = scalar_of(type.tag)) {
    return s->name;
  }
  return unqualified(pretty_name(type.spelling));
}

std::string array_name(const ElementType& type, uint64_t count) {
  return absl::StrCat(name_of(type), "_Array_", count);
}

std::string to_utf8(const wchar_t* from, uint64_t count) {
  std::string out;
  for (uint64_t i = 0; i < count; ++i) {
    append_utf8(out, static_cast<uint32_t>(from[i]));
  }
  return out;
}

std::string value_text(const ElementType& type, const void* at) {
  if (type.is_struct()) {
    return absl::StrCat("<", pretty_name(type.spelling), " object at ", address(at), ">");
  }
  return absl::StrCat(name_of(type), "(", scalar_text(static_cast<char>(type.tag), at), ")");
}

std::string array_text(const ElementType& type, uint64_t count, const void* at) {
  return absl::StrCat("<multiprocessing.sharedctypes.", array_name(type, count), " object at ",
                      address(at), ">");
}

std::string locked_value_text(const ElementType& type, const void* at) {
  return absl::StrCat("<Synchronized", type.is_struct() ? name_of(type) : "", " wrapper for ",
                      value_text(type, at), ">");
}

std::string locked_array_text(const ElementType& type, uint64_t count, const void* at) {
  return absl::StrCat("<Synchronized", type.tag == 'c' ? "String" : "Array", " wrapper for ",
                      array_text(type, count, at), ">");
}

}  // namespace mp::internal
