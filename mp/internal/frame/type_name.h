// mp/internal/frame/type_name.h
//
// Names of types, for messages and for telling types apart.

#ifndef MP_INTERNAL_FRAME_TYPE_NAME_H_
#define MP_INTERNAL_FRAME_TYPE_NAME_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <typeinfo>

namespace mp::internal {

// The compiler's spelling of T, made at compile time: "std::vector<int>". Two lambdas of one function may have one name.
template <class T>
constexpr std::string_view type_name() {
  std::string_view text = __PRETTY_FUNCTION__;
  // "constexpr std::string_view mp::internal::type_name() [with T = int; std::string_view = ...]", or "[T = int]".
  size_t from = text.find("T = ") + 4;
  size_t to = text.find("; std::string_view =", from);
  return text.substr(from, (to == text.npos ? text.size() - 1 : to) - from);
}

// The same, as people write it: "std::string" for std::__cxx11::basic_string<char>.
std::string pretty_name(std::string_view name);

// The pretty name of a type known at run time only.
std::string pretty_name(const std::type_info& type);

// A number for a name or other bytes; the same in every process of the program. FNV-1a, finished by a mixer.
constexpr uint64_t hash_of(std::string_view text, uint64_t seed = 0) {
  uint64_t h = 0xcbf29ce484222325 ^ seed;
  for (char c : text) {
    h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  h ^= h >> 32;
  h *= 0xd6e8feb86659fd93;
  return h ^ (h >> 32);
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_FRAME_TYPE_NAME_H_
