#include "mp/internal/frame/python_text.h"

#include <cmath>
#include <limits>
#include <string>

#include "gtest/gtest.h"

namespace mp::internal {
namespace {

std::string text(std::string_view v) {
  std::string out;
  append_repr(out, v);
  return out;
}
std::string bytes(std::string_view v) {
  std::string out;
  append_bytes_repr(out, v);
  return out;
}
std::string number(double v) {
  std::string out;
  append_float(out, v);
  return out;
}

// Every expectation was printed by Python 3.11.
TEST(PythonText, TextsAreQuotedAsPythons) {
  EXPECT_EQ(text(""), "''");
  EXPECT_EQ(text("it's"), "\"it's\"");
  EXPECT_EQ(text("\""), "'\"'");
  EXPECT_EQ(text("'\""), "'\\'\"'");
  EXPECT_EQ(text(std::string_view("\0\x1f\x7f", 3)), "'\\x00\\x1f\\x7f'");
  EXPECT_EQ(text("\t\n\r\\"), "'\\t\\n\\r\\\\'");
}

TEST(PythonText, WhatUnicodeDoesNotPrintIsEscaped) {
  EXPECT_EQ(text("\u00e4\u4e2d\U0001f600"), "'\u00e4\u4e2d\U0001f600'");
  EXPECT_EQ(text("\u0080\u00ad"), "'\\x80\\xad'");
  EXPECT_EQ(text("\u2028\ufeff\ue000"), "'\\u2028\\ufeff\\ue000'");
  EXPECT_EQ(text("\U000e0001\U0010ffff"), "'\\U000e0001\\U0010ffff'");
}

TEST(PythonText, WhatIsNoUtf8IsEscapedByteByByte) {
  EXPECT_EQ(text("a\xff"), "'a\\udcff'");
  EXPECT_EQ(text("\xc3"), "'\\udcc3'");
  EXPECT_EQ(text("\xc0\x80"), "'\\udcc0\\udc80'");             // too long a form
  EXPECT_EQ(text("\xed\xa0\x80"), "'\\udced\\udca0\\udc80'");  // a surrogate
  EXPECT_EQ(text("\xf4\x90\x80\x80"), "'\\udcf4\\udc90\\udc80\\udc80'");
  EXPECT_EQ(text("\xe4\xb8z"), "'\\udce4\\udcb8z'");
}

TEST(PythonText, BytesAreQuotedAsPythons) {
  EXPECT_EQ(bytes("a'b"), "b\"a'b\"");
  EXPECT_EQ(bytes("'\""), "b'\\'\"'");
  EXPECT_EQ(bytes("\xc3\xa4\n"), "b'\\xc3\\xa4\\n'");
}

TEST(PythonText, FloatsAreTheShortestThatReadBack) {
  EXPECT_EQ(number(0), "0.0");
  EXPECT_EQ(number(-0.0), "-0.0");
  EXPECT_EQ(number(3), "3.0");
  EXPECT_EQ(number(1.0 / 3), "0.3333333333333333");
  EXPECT_EQ(number(123456789012345678.0), "1.2345678901234568e+17");
  EXPECT_EQ(number(9999999999999998.0), "9999999999999998.0");
  EXPECT_EQ(number(1e16), "1e+16");
  EXPECT_EQ(number(1e22), "1e+22");
  EXPECT_EQ(number(1e100), "1e+100");
  EXPECT_EQ(number(0.0001), "0.0001");
  EXPECT_EQ(number(0.00012345), "0.00012345");
  EXPECT_EQ(number(0.00001), "1e-05");
  EXPECT_EQ(number(std::numeric_limits<double>::max()), "1.7976931348623157e+308");
  EXPECT_EQ(number(std::numeric_limits<double>::denorm_min()), "5e-324");
  EXPECT_EQ(number(HUGE_VAL), "inf");
  EXPECT_EQ(number(-HUGE_VAL), "-inf");
  EXPECT_EQ(number(-std::nan("")), "nan");
}

TEST(PythonText, PrintableIsPythonsIsprintable) {
  EXPECT_TRUE(is_printable(' '));
  EXPECT_FALSE(is_printable(0x1f));
  EXPECT_FALSE(is_printable(0xa0));
  EXPECT_TRUE(is_printable(0xa1));
  EXPECT_FALSE(is_printable(0x378));
  EXPECT_TRUE(is_printable(0x1fae0));   // since Unicode 14
  EXPECT_FALSE(is_printable(0x1fae8));  // since Unicode 15
  EXPECT_FALSE(is_printable(0x10ffff));
  EXPECT_FALSE(is_printable(0x110000));
}

}  // namespace
}  // namespace mp::internal
