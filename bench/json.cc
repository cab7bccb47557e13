#include "bench/json.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace bench {
namespace {

void append_quoted(std::string& out, const std::string& s) {
  out += '"';
  for (char c : s) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          char buffer[8];
          std::snprintf(buffer, sizeof buffer, "\\u%04x", c);
          out += buffer;
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

void append_number(std::string& out, double d) {
  char buffer[32];
  // Large whole numbers (bytes, counts) in full, measurements with the digits that can mean
  // something.
  if (d == std::floor(d) && std::fabs(d) < 1e15) {
    std::snprintf(buffer, sizeof buffer, "%.0f", d);
  } else {
    std::snprintf(buffer, sizeof buffer, "%.6g", d);
  }
  out += std::isfinite(d) ? buffer : "null";
}

class Parser {
 public:
  explicit Parser(const std::string& text) : p_(text.data()), end_(p_ + text.size()) {}

  std::optional<Json> whole(std::string* error) {
    Json value;
    bool ok = parse(value, 0);
    if (ok) {
      skip_space();
      if (p_ != end_) ok = fail("text after the value");
    }
    if (ok) return value;
    *error = error_;
    return std::nullopt;
  }

 private:
  static constexpr int kMaxDepth = 64;

  bool fail(const char* what) {
    char near[13] = {};
    std::memcpy(near, p_, std::min<size_t>(end_ - p_, sizeof near - 1));
    error_ = std::string(what) + (p_ == end_ ? " at the end" : std::string(" at '") + near + "'");
    return false;
  }

  void skip_space() {
    while (p_ != end_ && std::strchr(" \t\r\n", *p_) && *p_) ++p_;
  }

  bool take(char c) {
    skip_space();
    if (p_ == end_ || *p_ != c) return false;
    ++p_;
    return true;
  }

  bool take_word(const char* word) {
    size_t n = std::strlen(word);
    if (static_cast<size_t>(end_ - p_) < n || std::memcmp(p_, word, n) != 0) return false;
    p_ += n;
    return true;
  }

  bool parse(Json& out, int depth) {
    if (depth > kMaxDepth) return fail("nested too deeply");
    skip_space();
    if (p_ == end_) return fail("a value is missing");
    if (*p_ == '{') return parse_object(out, depth);
    if (*p_ == '[') return parse_array(out, depth);
    if (*p_ == '"') {
      std::string s;
      if (!parse_string(s)) return false;
      out = Json(std::move(s));
      return true;
    }
    if (take_word("null")) return true;
    if (take_word("true")) {
      out = Json(true);
      return true;
    }
    if (take_word("false")) {
      out = Json(false);
      return true;
    }
    return parse_number(out);
  }

  bool parse_number(Json& out) {
    const char* stop = p_;
    while (stop != end_ && std::strchr("+-.0123456789eE", *stop) && *stop) ++stop;
    std::string digits(p_, stop);
    char* used = nullptr;
    double d = std::strtod(digits.c_str(), &used);
    if (digits.empty() || *used != '\0') return fail("not a JSON value");
    p_ = stop;
    out = Json(d);
    return true;
  }

  bool parse_string(std::string& out) {
    ++p_;
    while (p_ != end_ && *p_ != '"') {
      if (*p_ != '\\') {
        out += *p_++;
        continue;
      }
      if (++p_ == end_) break;
      char c = *p_++;
      switch (c) {
        case 'n':
          out += '\n';
          break;
        case 't':
          out += '\t';
          break;
        case 'r':
          out += '\r';
          break;
        case 'b':
          out += '\b';
          break;
        case 'f':
          out += '\f';
          break;
        case 'u': {
          if (end_ - p_ < 4) return fail("\\u needs four digits");
          unsigned code = std::strtoul(std::string(p_, 4).c_str(), nullptr, 16);
          p_ += 4;
          if (code < 0x80) {
            out += static_cast<char>(code);
          } else if (code < 0x800) {
            out += static_cast<char>(0xc0 | code >> 6);
            out += static_cast<char>(0x80 | (code & 0x3f));
          } else {
            out += static_cast<char>(0xe0 | code >> 12);
            out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
            out += static_cast<char>(0x80 | (code & 0x3f));
          }
          break;
        }
        default:
          out += c;
      }
    }
    if (p_ == end_) return fail("a string does not end");
    ++p_;
    return true;
  }

  bool parse_array(Json& out, int depth) {
    ++p_;
    Json::Array array;
    if (!take(']')) {
      do {
        array.emplace_back();
        if (!parse(array.back(), depth + 1)) return false;
      } while (take(','));
      if (!take(']')) return fail("expected ',' or ']'");
    }
    out = Json(std::move(array));
    return true;
  }

  bool parse_object(Json& out, int depth) {
    ++p_;
    Json::Object object;
    if (!take('}')) {
      do {
        skip_space();
        if (p_ == end_ || *p_ != '"') return fail("expected a name");
        object.emplace_back();
        if (!parse_string(object.back().first)) return false;
        if (!take(':')) return fail("expected ':'");
        if (!parse(object.back().second, depth + 1)) return false;
      } while (take(','));
      if (!take('}')) return fail("expected ',' or '}'");
    }
    out = Json(std::move(object));
    return true;
  }

  const char* p_;
  const char* end_;
  std::string error_;
};

}  // namespace

const Json& Json::operator[](const std::string& key) const {
  static const Json& null = *new Json();
  if (const Object* members = object()) {
    for (const auto& member : *members) {
      if (member.first == key) return member.second;
    }
  }
  return null;
}

bool Json::has(const std::string& key) const {
  if (const Object* members = object()) {
    for (const auto& member : *members) {
      if (member.first == key) return true;
    }
  }
  return false;
}

void Json::dump_to(std::string& out, int open_levels, int depth) const {
  std::string newline;
  std::string last_newline;
  if (depth < open_levels) {
    newline = "\n" + std::string(2 * (depth + 1), ' ');
    last_newline = "\n" + std::string(2 * depth, ' ');
  }
  const char* separator = "";
  const char* comma = depth < open_levels ? "," : ", ";
  if (const bool* b = boolean()) {
    out += *b ? "true" : "false";
  } else if (const double* d = number()) {
    append_number(out, *d);
  } else if (const std::string* s = string()) {
    append_quoted(out, *s);
  } else if (const Array* elements = array()) {
    out += '[';
    for (const Json& element : *elements) {
      out += separator + newline;
      element.dump_to(out, open_levels, depth + 1);
      separator = comma;
    }
    if (!elements->empty()) out += last_newline;
    out += ']';
  } else if (const Object* members = object()) {
    out += '{';
    for (const auto& member : *members) {
      out += separator + newline;
      append_quoted(out, member.first);
      out += ": ";
      member.second.dump_to(out, open_levels, depth + 1);
      separator = comma;
    }
    if (!members->empty()) out += last_newline;
    out += '}';
  } else {
    out += "null";
  }
}

std::string Json::dump(int open_levels) const {
  std::string out;
  dump_to(out, open_levels, 0);
  return out;
}

std::optional<Json> Json::parse(const std::string& text, std::string* error) {
  return Parser(text).whole(error);
}

}  // namespace bench
