#include "mp/internal/frame/type_name.h"

#include <cxxabi.h>

#include <cstdlib>

namespace mp::internal {
namespace {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != text.npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// Removes ", std::allocator<...>" and the like, whose brackets are balanced.
void remove_argument(std::string& text, std::string_view start) {
  for (size_t at = text.find(start); at != text.npos; at = text.find(start, at)) {
    size_t end = at + start.size();
    for (int depth = 1; end < text.size() && depth > 0; ++end) {
      depth += text[end] == '<' ? 1 : text[end] == '>' ? -1 : 0;
    }
    text.erase(at, end - at);
  }
}

}  // namespace

std::string pretty_name(std::string_view name) {
  std::string text(name);
  replace_all(text, "std::__cxx11::", "std::");
  replace_all(text, "std::_V2::", "std::");
  replace_all(text, "(anonymous namespace)::", "");
  replace_all(text, "{anonymous}::", "");
  remove_argument(text, ", std::allocator<");
  remove_argument(text, ", std::char_traits<");
  remove_argument(text, ", std::less<");
  remove_argument(text, ", std::hash<");
  remove_argument(text, ", std::equal_to<");
  replace_all(text, " >", ">");
  replace_all(text, "std::basic_string<char>", "std::string");
  replace_all(text, "std::basic_string_view<char>", "std::string_view");
  return text;
}

std::string pretty_name(const std::type_info& type) {
  int status = 0;
  char* text = abi::__cxa_demangle(type.name(), nullptr, nullptr, &status);
  std::string name = pretty_name(std::string_view(status == 0 ? text : type.name()));
  std::free(text);
  return name;
}

}  // namespace mp::internal
