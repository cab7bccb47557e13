// _TestValue of the reference.

#include <mutex>
#include <string>
#include <vector>

#include "mp/bytes.h"
#include "mp/object.h"
#include "mp/parity/backends.h"

namespace mp::testing {
namespace {

template <class B>
class TestValue : public ParityTest {};
TYPED_TEST_SUITE(TestValue, Backends, BackendNames);

struct CodeAndValues {
  char code;
  Object first;
  Object second;
};

std::vector<CodeAndValues> codes_and_values() {
  return {
      {'i', 4343, 24234},
      {'d', 3.625, -4.25},
      {'h', -232, 234},
      {'q', int64_t{1} << 33, int64_t{1} << 34},
      {'c', Bytes("x"), Bytes("y")},
  };
}

template <class B>
void set_all(std::vector<typename B::template Value<Object>> values) {
  auto expected = codes_and_values();
  for (size_t i = 0; i < values.size(); ++i) {
    values[i].set_value(expected[i].second);
  }
}

template <class B, class Make>
void expect_values_cross(Make make) {
  std::vector<typename B::template Value<Object>> values;
  auto expected = codes_and_values();
  for (const auto& e : expected) {
    values.push_back(make(e.code, e.first));
    EXPECT_EQ(values.back().value(), e.first);
  }
  finish(start<B>(set_all<B>, values));
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(values[i].value(), expected[i].second);
  }
}

TYPED_TEST(TestValue, test_value) {
  expect_values_cross<TypeParam>(
      [](char code, const Object& value) { return TypeParam::make_value(code, value); });
}

TYPED_TEST(TestValue, test_rawvalue) {
  expect_values_cross<TypeParam>(
      [](char code, const Object& value) { return TypeParam::make_raw_value(code, value); });
}

TYPED_TEST(TestValue, test_getobj_getlock) {
  using Value = typename TypeParam::template Value<int>;
  Value val1(5);
  auto lock1 = val1.get_lock();
  auto obj1 = val1.get_obj();
  EXPECT_EQ(obj1.value(), 5);
  EXPECT_TRUE(lock1.recursive());

  typename TypeParam::Lock lock;
  Value val3(5, lock);
  EXPECT_TRUE(val3.get_lock() == lock);
  EXPECT_EQ(val3.get_obj().value(), 5);

  typename TypeParam::RLock rlock;
  Value val4(5, rlock);
  EXPECT_TRUE(val4.get_lock() == rlock);

  auto val5 = TypeParam::make_raw_value('i', 5);
  EXPECT_EQ(error_of([&] { val5.get_lock(); }),
            "AttributeError: 'c_int' object has no attribute 'get_lock'");
  EXPECT_EQ(error_of([&] { val5.get_obj(); }),
            "AttributeError: 'c_int' object has no attribute 'get_obj'");
}

TYPED_TEST(TestValue, test_invalid_typecode) {
  const std::string expected =
      "TypeError: bad typecode (must be a ctypes type or one of c, b, B, u, h, H, i, I, l, L, q, "
      "Q, f or d)";
  EXPECT_EQ(error_of([] { TypeParam::make_value('x', None); }), expected);
  EXPECT_EQ(error_of([] { TypeParam::make_raw_value('x', None); }), expected);
}

// Not tests of the reference's suite, but its semantics.

template <class B>
void set_typed(typename B::template Value<int> i, typename B::template Value<double> d,
               typename B::template Value<short> h, typename B::template Value<long long> q,
               typename B::template Value<char> c) {
  i.set_value(24234);
  d.set_value(-4.25);
  h.set_value(234);
  q.set_value(1LL << 34);
  c.set_value('y');
}

TYPED_TEST(TestValue, TypesCrossAsTypecodesDo) {
  typename TypeParam::template Value<int> i(4343);
  typename TypeParam::template Value<double> d(3.625);
  typename TypeParam::template Value<short> h(-232);
  typename TypeParam::template Value<long long> q(1LL << 33);
  typename TypeParam::template Value<char> c('x');
  finish(start<TypeParam>(set_typed<TypeParam>, i, d, h, q, c));
  EXPECT_EQ(i.value(), 24234);
  EXPECT_EQ(d.value(), -4.25);
  EXPECT_EQ(h.value(), 234);
  EXPECT_EQ(q.value(), 1LL << 34);
  EXPECT_EQ(c.value(), 'y');
}

template <class B>
void add(typename B::template Value<int> n, int times) {
  for (int k = 0; k < times; ++k) {
    if (k % 2 == 0) {
      n.update([](int& v) { ++v; });
    } else {
      std::scoped_lock hold(n.get_lock());
      n.set_value(n.value() + 1);
    }
  }
}

TYPED_TEST(TestValue, IncrementsUnderTheLockAreNotLost) {
  typename TypeParam::template Value<int> n(0);
  auto a = start<TypeParam>(add<TypeParam>, n, 2000);
  auto b = start<TypeParam>(add<TypeParam>, n, 2000);
  add<TypeParam>(n, 2000);
  finish(a);
  finish(b);
  EXPECT_EQ(n.value(), 6000);
}

TYPED_TEST(TestValue, TextFormsAreThoseOfCtypes) {
  using B = TypeParam;
  EXPECT_EQ(repr(typename B::template Value<int>(7)), "<Synchronized wrapper for c_int(7)>");
  EXPECT_EQ(repr(typename B::template Value<double>()), "<Synchronized wrapper for c_double(0.0)>");
  EXPECT_EQ(repr(typename B::template Value<float>(1.1f)),
            "<Synchronized wrapper for c_float(1.100000023841858)>");
  EXPECT_EQ(repr(typename B::template RawValue<char>('x')), "c_char(b'x')");
  EXPECT_EQ(repr(typename B::template RawValue<wchar_t>(L'\u00e9')), "c_wchar('\u00e9')");
  EXPECT_EQ(repr(typename B::template RawValue<unsigned char>(200)), "c_ubyte(200)");
  EXPECT_EQ(repr(typename B::template RawValue<long long>(-1)), "c_long(-1)");
  EXPECT_EQ(repr(typename B::template RawValue<bool>(true)), "c_bool(True)");
  EXPECT_EQ(repr(B::make_value('h', -3)), "<Synchronized wrapper for c_short(-3)>");
  EXPECT_EQ(repr(B::make_raw_value('Q', 3)), "c_ulong(3)");
}

TYPED_TEST(TestValue, WhatIsNoneOfTheTypeIsATypeError) {
  using B = TypeParam;
  auto error = [](char code, const Object& v) { return error_of([&] { B::make_value(code, v); }); };
  EXPECT_EQ(error('i', "a"), "TypeError: 'str' object cannot be interpreted as an integer");
  EXPECT_EQ(error('i', 1.5), "TypeError: 'float' object cannot be interpreted as an integer");
  EXPECT_EQ(error('i', None), "TypeError: 'NoneType' object cannot be interpreted as an integer");
  EXPECT_EQ(error('d', "a"), "TypeError: must be real number, not str");
  EXPECT_EQ(error('c', Bytes("ab")),
            "TypeError: one character bytes, bytearray or integer expected");
  EXPECT_EQ(error('c', "a"), "TypeError: one character bytes, bytearray or integer expected");
  EXPECT_EQ(error('c', 256), "TypeError: one character bytes, bytearray or integer expected");
  EXPECT_EQ(error('u', 5), "TypeError: unicode string expected instead of int instance");
  EXPECT_EQ(error('u', "ab"), "TypeError: one character unicode string expected");
  EXPECT_EQ(B::make_value('c', 5).value(), Object(Bytes("\x05")));
  EXPECT_EQ(B::make_value('u', "\u20ac").value(), Object("\u20ac"));
  EXPECT_EQ(B::make_value('i', int64_t{1} << 40).value(), Object(0));
  EXPECT_EQ(B::make_value('b', 200).value(), Object(-56));
  EXPECT_EQ(B::make_value('B', -1).value(), Object(255));
  EXPECT_EQ(B::make_value('Q', -1).value(), Object(~uint64_t{0}));
  EXPECT_EQ(B::make_value('i', true).value(), Object(1));
}

}  // namespace
}  // namespace mp::testing
