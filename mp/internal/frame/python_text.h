// mp/internal/frame/python_text.h
//
// Values as Python writes them, letter by letter.

#ifndef MP_INTERNAL_FRAME_PYTHON_TEXT_H_
#define MP_INTERNAL_FRAME_PYTHON_TEXT_H_

#include <string>
#include <string_view>

namespace mp::internal {

// 'it', "it's", 'a\n'. Bytes that are not UTF-8 are written as Python's surrogateescape does: '\udcff'.
void append_repr(std::string& out, std::string_view text);
// b'\x00a'
void append_bytes_repr(std::string& out, std::string_view bytes);
// 1.0, 1e+16, inf, nan: the shortest that reads back as the same number.
void append_float(std::string& out, double v);

// Python's str.isprintable() of one code point (Unicode 14).
bool is_printable(char32_t c);

}  // namespace mp::internal

#endif  // MP_INTERNAL_FRAME_PYTHON_TEXT_H_
