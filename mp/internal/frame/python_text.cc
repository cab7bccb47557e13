#include "mp/internal/frame/python_text.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>

namespace mp::internal {
namespace {

void append_hex(std::string& out, char kind, uint32_t v, int digits) {
  constexpr char kDigits[] = "0123456789abcdef";
  out += '\\';
  out += kind;
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
    out += kDigits[v >> shift & 15];
  }
}

// The code point at `i` and how many bytes it has; 0 bytes if they are not UTF-8.
int decode(std::string_view text, size_t i, char32_t* c) {
  auto at = [&](size_t k) {
    return i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0u;
  };
  uint32_t lead = at(0);
  int length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  constexpr uint32_t kMask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  uint32_t v = lead & kMask[length];
  for (int k = 1; k < length; ++k) {
    if ((at(static_cast<size_t>(k)) & 0xc0) != 0x80) {
      return 0;
    }
    v = v << 6 | (at(static_cast<size_t>(k)) & 0x3f);
  }
  if (length == 0 || v < kLeast[length] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff)) {
    return 0;
  }
  *c = v;
  return length;
}

char quote_for(std::string_view text) {
  bool single = text.find('\'') != text.npos;
  return single && text.find('"') == text.npos ? '"' : '\'';
}

// What bytes and texts write alike; false if `c` is something else.
bool append_common(std::string& out, uint32_t c, char quote) {
  if (c == '\\' || c == static_cast<unsigned char>(quote)) {
    out += '\\';
    out += static_cast<char>(c);
  } else if (c == '\t') {
    out += "\\t";
  } else if (c == '\n') {
    out += "\\n";
  } else if (c == '\r') {
    out += "\\r";
  } else if (c < 0x20 || c == 0x7f) {
    append_hex(out, 'x', c, 2);
  } else if (c < 0x7f) {
    out += static_cast<char>(c);
  } else {
    return false;
  }
  return true;
}

}  // namespace

void append_repr(std::string& out, std::string_view text) {
  char quote = quote_for(text);
  out += quote;
  for (size_t i = 0; i < text.size();) {
    char32_t c;
    int length = decode(text, i, &c);
    if (length == 0) {
      append_hex(out, 'u', 0xdc00 + static_cast<unsigned char>(text[i]), 4);
      i += 1;
      continue;
    }
    if (append_common(out, c, quote)) {
    } else if (is_printable(c)) {
      out += text.substr(i, static_cast<size_t>(length));
    } else if (c < 0x100) {
      append_hex(out, 'x', c, 2);
    } else if (c < 0x10000) {
      append_hex(out, 'u', c, 4);
    } else {
      append_hex(out, 'U', c, 8);
    }
    i += static_cast<size_t>(length);
  }
  out += quote;
}

void append_bytes_repr(std::string& out, std::string_view bytes) {
  char quote = quote_for(bytes);
  out += 'b';
  out += quote;
  for (char c : bytes) {
    if (!append_common(out, static_cast<unsigned char>(c), quote)) {
      append_hex(out, 'x', static_cast<unsigned char>(c), 2);
    }
  }
  out += quote;
}

void append_float(std::string& out, double v) {
  if (std::isnan(v)) {
    out += "nan";
    return;
  }
  if (std::isinf(v)) {
    out += v < 0 ? "-inf" : "inf";
    return;
  }
  char text[64];
  // "-d.ddde+xx"
  char* end = std::to_chars(text, text + sizeof text, v, std::chars_format::scientific).ptr;
  std::string_view all(text, static_cast<size_t>(end - text));
  size_t e = all.find('e');
  int exponent = std::atoi(std::string(all.substr(e + 1)).c_str());
  if (exponent < -4 || exponent >= 16) {
    out += all;
    return;
  }
  end = std::to_chars(text, text + sizeof text, v, std::chars_format::fixed).ptr;
  all = std::string_view(text, static_cast<size_t>(end - text));
  out += all;
  if (all.find('.') == all.npos) {
    out += ".0";
  }
}

}  // namespace mp::internal
