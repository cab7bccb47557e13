#include "mp/bytes.h"

#include <ostream>

#include "mp/internal/frame/python_text.h"

namespace mp {

std::string repr(const Bytes& b) {
  std::string text;
  internal::append_bytes_repr(text, b.view());
  return text;
}

std::ostream& operator<<(std::ostream& out, const Bytes& b) { return out << repr(b); }

}  // namespace mp
