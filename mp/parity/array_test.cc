// _TestArray of the reference.

#include <list>
#include <mutex>
#include <numeric>
#include <string>
#include <vector>

#include "mp/bytes.h"
#include "mp/object.h"
#include "mp/parity/backends.h"

namespace mp::testing {
namespace {

template <class B>
class TestArray : public ParityTest {};
TYPED_TEST_SUITE(TestArray, Backends, BackendNames);

template <class Sequence>
void add_up(const Sequence& seq) {
  for (size_t i = 1; i < seq.size(); ++i) {
    seq[i] += seq[i - 1];
  }
}

template <class Make>
void expect_array(Make make) {
  std::vector<int> seq = {680, 626, 934, 821, 150, 233, 548, 982, 714, 831};
  auto arr = make(seq);
  EXPECT_EQ(arr.size(), seq.size());
  EXPECT_EQ(arr[3], seq[3]);
  EXPECT_EQ(arr.slice(2, 7), std::vector<int>(seq.begin() + 2, seq.begin() + 7));
  std::vector<int> four = {1, 2, 3, 4};
  arr.set_slice(4, 8, four);
  std::copy(four.begin(), four.end(), seq.begin() + 4);
  EXPECT_EQ(arr.slice(), seq);
}

template <class B>
void add_up_array(typename B::template Array<int> arr) {
  add_up(arr);
}
template <class B>
void add_up_raw(typename B::template RawArray<int> arr) {
  add_up(arr);
}

template <class B, class Array>
void expect_a_child_adds_up(const Array& arr, void (*child)(Array)) {
  std::vector<int> seq = arr.slice();
  std::partial_sum(seq.begin(), seq.end(), seq.begin());
  finish(start<B>(child, arr));
  EXPECT_EQ(arr.slice(), seq);
}

TYPED_TEST(TestArray, test_array) {
  using Array = typename TypeParam::template Array<int>;
  auto make = [](const std::vector<int>& seq) { return Array(seq); };
  expect_array(make);
  expect_a_child_adds_up<TypeParam>(Array({680, 626, 934, 821, 1, 2, 3, 4, 714, 831}),
                                    add_up_array<TypeParam>);
}

TYPED_TEST(TestArray, test_rawarray) {
  using Array = typename TypeParam::template RawArray<int>;
  auto make = [](const std::vector<int>& seq) { return Array(seq); };
  expect_array(make);
  expect_a_child_adds_up<TypeParam>(Array({680, 626, 934, 821, 1, 2, 3, 4, 714, 831}),
                                    add_up_raw<TypeParam>);
}

TYPED_TEST(TestArray, test_array_from_size) {
  constexpr int kSize = 10;
  std::vector<int> zeros(kSize);
  std::vector<int> numbers(kSize);
  std::iota(numbers.begin(), numbers.end(), 0);
  // More than once: later ones get the memory of earlier ones.
  for (int round = 0; round < 3; ++round) {
    typename TypeParam::template Array<int> arr(kSize);
    EXPECT_EQ(arr.size(), size_t{kSize});
    EXPECT_EQ(std::vector<int>(arr.begin(), arr.end()), zeros);
    arr.set_slice({}, {}, numbers);
    EXPECT_EQ(std::vector<int>(arr.begin(), arr.end()), numbers);
  }
}

TYPED_TEST(TestArray, test_getobj_getlock_obj) {
  using Array = typename TypeParam::template Array<int>;
  Array arr1(10);
  EXPECT_TRUE(arr1.get_lock().recursive());
  EXPECT_EQ(arr1.get_obj().size(), 10u);

  typename TypeParam::Lock lock;
  Array arr3(10, lock);
  EXPECT_TRUE(arr3.get_lock() == lock);
  EXPECT_EQ(arr3.get_obj().size(), 10u);

  auto arr5 = TypeParam::make_raw_array('i', 10);
  EXPECT_EQ(error_of([&] { arr5.get_lock(); }).substr(0, 15), "AttributeError:");
  EXPECT_EQ(error_of([&] { arr5.get_obj(); }).substr(0, 15), "AttributeError:");
}

TYPED_TEST(TestArray, test_invalid_typecode) {
  const std::string expected =
      "TypeError: bad typecode (must be a ctypes type or one of c, b, B, u, h, H, i, I, l, L, q, "
      "Q, f or d)";
  EXPECT_EQ(error_of([] { TypeParam::make_array('x', list()); }), expected);
  EXPECT_EQ(error_of([] { TypeParam::make_raw_array('x', list()); }), expected);
}

// Not tests of the reference's suite, but its semantics.

TYPED_TEST(TestArray, IndicesAndLengthsOutOfRangeNameTheArray) {
  using Array = typename TypeParam::template Array<int>;
  using RawArray = typename TypeParam::template RawArray<int>;
  EXPECT_EQ(error_of([] { Array(-1); }), "ValueError: Array length must be >= 0, not -1");
  EXPECT_EQ(error_of([] { RawArray(-1); }), "ValueError: Array length must be >= 0, not -1");
  EXPECT_EQ(error_of([] { TypeParam::make_array('i', -1); }),
            "ValueError: Array length must be >= 0, not -1");
  EXPECT_EQ(Array(0).size(), 0u);
  Array a(3);
  a[-1] = 7;
  EXPECT_EQ(a[2], 7);
  a[-3] = 5;
  EXPECT_EQ(a.get_obj()[0], 5);
  EXPECT_EQ(error_of([&] { a.get(3); }), "IndexError: invalid index: c_int_Array_3[3]");
  EXPECT_EQ(error_of([&] { a[-4] = 1; }), "IndexError: invalid index: c_int_Array_3[-4]");
  EXPECT_EQ(error_of([&] { a[3] += 1; }), "IndexError: invalid index: c_int_Array_3[3]");
  // Also when nobody wants the element.
  EXPECT_EQ(error_of([&] { a[3]; }), "IndexError: invalid index: c_int_Array_3[3]");
  EXPECT_EQ(error_of([&] { a[-4]; }), "IndexError: invalid index: c_int_Array_3[-4]");
  EXPECT_EQ(error_of([&] { a.get_obj().at(3) = 1; }),
            "IndexError: invalid index: c_int_Array_3[3]");
  EXPECT_FALSE(a.get_lock().locked());
  auto o = TypeParam::make_array('i', 3);
  EXPECT_EQ(error_of([&] { o.get(3); }), "IndexError: invalid index: c_int_Array_3[3]");
  EXPECT_EQ(error_of([&] { o[3]; }), "IndexError: invalid index: c_int_Array_3[3]");
}

TYPED_TEST(TestArray, SlicesAreThoseOfPython) {
  std::vector<int> ten(10);
  std::iota(ten.begin(), ten.end(), 0);
  typename TypeParam::template Array<int> a(ten);
  using V = std::vector<int>;
  EXPECT_EQ(a.slice(2, 5), (V{2, 3, 4}));
  EXPECT_EQ(a.slice({}, {}, 2), (V{0, 2, 4, 6, 8}));
  EXPECT_EQ(a.slice({}, {}, -1), (V{9, 8, 7, 6, 5, 4, 3, 2, 1, 0}));
  EXPECT_EQ(a.slice(-3), (V{7, 8, 9}));
  EXPECT_EQ(a.slice(5, 2), V{});
  EXPECT_EQ(a.slice(50), V{});
  EXPECT_EQ(a.slice(-50, 2), (V{0, 1}));
  EXPECT_EQ(a.slice(8, -50, -3), (V{8, 5, 2}));
  EXPECT_EQ(a.slice(1, 9, 4), (V{1, 5}));
  EXPECT_EQ(a.slice(INT64_MIN, INT64_MAX, INT64_MAX), V{0});
  EXPECT_EQ(a.slice({}, {}, INT64_MIN), V{9});
  EXPECT_EQ(error_of([&] { a.slice(0, 1, 0); }), "ValueError: slice step cannot be zero");
  a.set_slice(0, 4, std::list<long>{10, 20}, 2);
  EXPECT_EQ(a.slice(0, 4), (V{10, 1, 20, 3}));
  EXPECT_EQ(error_of([&] {
              a.set_slice(0, 3, V{1, 2});
            }),
            "ValueError: Can only assign sequence of same size: 2 values to 3 elements of "
            "c_int_Array_10");
  EXPECT_EQ(a.slice(0, 4), (V{10, 1, 20, 3}));
  EXPECT_FALSE(a.get_lock().locked());
}

TYPED_TEST(TestArray, CharactersAreATextToo) {
  typename TypeParam::template Array<char> s(std::string("he\0llo", 6));
  EXPECT_EQ(s.value(), "he");
  EXPECT_EQ(s.raw(), std::string("he\0llo", 6));
  EXPECT_EQ(typename TypeParam::template Array<char>("hello").size(), 5u);
  s.set_value("HI");
  EXPECT_EQ(s.raw(), std::string("HI\0llo", 6));
  s.set_raw("abc");
  EXPECT_EQ(s.raw(), "abcllo");
  s.set_value("123456");
  EXPECT_EQ(s.value(), "123456");
  EXPECT_EQ(error_of([&] { s.set_value("1234567"); }),
            "ValueError: byte string too long: 7 characters for c_char_Array_6");
  EXPECT_EQ(error_of([&] { s.set_raw("1234567"); }),
            "ValueError: byte string too long: 7 characters for c_char_Array_6");
  EXPECT_EQ(s.slice(1, 3), (std::vector<char>{'2', '3'}));
  typename TypeParam::template RawArray<wchar_t> w(L"a\u20ac");
  EXPECT_EQ(w.value(), L"a\u20ac");
}

TYPED_TEST(TestArray, TextFormsAreThoseOfCtypes) {
  using B = TypeParam;
  auto without_address = [](std::string text) {
    size_t at = text.find("0x");
    size_t end = text.find('>', at);
    return at == text.npos ? text : text.substr(0, at) + "@" + text.substr(end);
  };
  EXPECT_EQ(without_address(repr(typename B::template Array<int>(10))),
            "<SynchronizedArray wrapper for <multiprocessing.sharedctypes.c_int_Array_10 object at "
            "@>>");
  EXPECT_EQ(
      without_address(repr(typename B::template Array<char>("hello"))),
      "<SynchronizedString wrapper for <multiprocessing.sharedctypes.c_char_Array_5 object at "
      "@>>");
  EXPECT_EQ(without_address(repr(typename B::template RawArray<double>(2))),
            "<multiprocessing.sharedctypes.c_double_Array_2 object at @>");
  EXPECT_EQ(
      without_address(repr(B::make_array('c', 3))),
      "<SynchronizedString wrapper for <multiprocessing.sharedctypes.c_char_Array_3 object at "
      "@>>");
}

TYPED_TEST(TestArray, ObjectsAsElements) {
  auto a = TypeParam::make_array('i', {1, 2, 3});
  EXPECT_EQ(a.slice(), list({1, 2, 3}));
  a[0] = 5;
  a[-1] = Object(a[0]);
  EXPECT_EQ(a.slice({}, {}, -1), list({5, 2, 5}));
  EXPECT_EQ(error_of([&] {
              a.set_slice({}, {}, list({1, "x", 3}));
            }),
            "TypeError: 'str' object cannot be interpreted as an integer");
  EXPECT_EQ(a.slice(), list({5, 2, 5}));
  EXPECT_EQ(error_of([&] { a.set_slice({}, {}, 5); }).substr(0, 45),
            "ValueError: Can only assign sequence of same ");
  EXPECT_EQ(error_of([&] { a.value(); }),
            "AttributeError: 'SynchronizedArray' object has no attribute 'value'");
  auto c = TypeParam::make_array('c', Bytes(std::string("he\0llo", 6)));
  EXPECT_EQ(c.value(), Object(Bytes("he")));
  EXPECT_EQ(c.slice(0, 2), Object(Bytes("he")));
  EXPECT_EQ(c.raw().text().size(), 6u);
  c.set_value(Bytes("abc"));
  EXPECT_EQ(c.value(), Object(Bytes("abc")));
  EXPECT_EQ(error_of([&] { c.set_value("abc"); }),
            "TypeError: bytes expected instead of str instance");
  EXPECT_EQ(error_of([] { TypeParam::make_array('c', "hello"); }),
            "TypeError: one character bytes, bytearray or integer expected");
  EXPECT_EQ(error_of([] { TypeParam::make_array('i', 1.5); }),
            "TypeError: object of type 'float' has no len()");
  EXPECT_EQ(TypeParam::make_array('u', "x\u20acz").slice(1, 3), Object("\u20acz"));
  EXPECT_EQ(TypeParam::make_array('d', {0.5, 1}).slice(), list({0.5, 1.0}));
}

}  // namespace
}  // namespace mp::testing
