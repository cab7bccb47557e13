// _TestSharedCTypes of the reference.

#include <string>

#include "mp/parity/backends.h"

namespace mp::testing {
namespace {

template <class B>
class TestSharedCTypes : public ParityTest {};
TYPED_TEST_SUITE(TestSharedCTypes, Backends, BackendNames);

struct Foo {
  int x;
  double y;
  long long z;
};

template <class V>
void twice(const V& v) {
  v.set_value(v.value() * 2);
}
void twice_foo(Foo& foo) {
  foo.x *= 2;
  foo.y *= 2;
}

template <class B>
void double_raw(typename B::template RawValue<int> x, typename B::template RawValue<double> y,
                typename B::template RawValue<long long> z, typename B::template RawValue<Foo> foo,
                typename B::template RawArray<double> arr,
                typename B::template RawArray<char> string) {
  twice(x);
  twice(y);
  twice(z);
  twice_foo(*foo);
  string.set_value(string.value() + string.value());
  for (double& v : arr) {
    v *= 2;
  }
}

template <class B>
void double_locked(typename B::template Value<int> x, typename B::template Value<double> y,
                   typename B::template Value<long long> z, typename B::template Value<Foo> foo,
                   typename B::template Array<double> arr,
                   typename B::template Array<char> string) {
  twice(x);
  twice(y);
  twice(z);
  foo.update(twice_foo);
  string.set_value(string.value() + string.value());
  for (size_t i = 0; i < arr.size(); ++i) {
    arr[static_cast<int64_t>(i)] *= 2;
  }
}

template <class B, template <class> class V, template <class> class A, class Child>
void expect_doubled(Child child) {
  V<int> x(7);
  V<double> y(1.0 / 3);
  V<long long> z(1LL << 33);
  V<Foo> foo(Foo{3, 2, 0});
  A<double> arr({0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  A<char> string(20);
  string.set_value("hello");
  finish(start<B>(child, x, y, z, foo, arr, string));
  EXPECT_EQ(x.value(), 14);
  EXPECT_DOUBLE_EQ(y.value(), 2.0 / 3);
  EXPECT_EQ(z.value(), 1LL << 34);
  EXPECT_EQ(foo.value().x, 6);
  EXPECT_DOUBLE_EQ(foo.value().y, 4.0);
  for (int i = 0; i < 10; ++i) {
    EXPECT_DOUBLE_EQ(arr[i], i * 2);
  }
  EXPECT_EQ(string.value(), "hellohello");
}

TYPED_TEST(TestSharedCTypes, test_sharedctypes) {
  expect_doubled<TypeParam, TypeParam::template RawValue, TypeParam::template RawArray>(
      double_raw<TypeParam>);
}

TYPED_TEST(TestSharedCTypes, test_synchronize) {
  expect_doubled<TypeParam, TypeParam::template Value, TypeParam::template Array>(
      double_locked<TypeParam>);
}

TYPED_TEST(TestSharedCTypes, test_copy) {
  typename TypeParam::template RawValue<Foo> foo(Foo{2, 5.0, 1LL << 33});
  auto bar = copy(foo);
  *foo = Foo{0, 0, 0};
  EXPECT_EQ(bar->x, 2);
  EXPECT_DOUBLE_EQ(bar->y, 5.0);
  EXPECT_EQ(bar->z, 1LL << 33);
}

// Not tests of the reference's suite, but its semantics.

TYPED_TEST(TestSharedCTypes, ACopyOfAnArrayHasElementsOfItsOwn) {
  typename TypeParam::template RawArray<int> a({1, 2, 3});
  auto b = copy(a);
  b[0] = 7;
  EXPECT_EQ(a.slice(), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(b.slice(), (std::vector<int>{7, 2, 3}));
}

TYPED_TEST(TestSharedCTypes, SynchronizedIsTheSameMemoryUnderALock) {
  typename TypeParam::template RawArray<int> raw({1, 2, 3});
  typename TypeParam::Lock lock;
  auto a = synchronized(raw, lock);
  auto b = synchronized(raw);
  EXPECT_TRUE(a.get_lock() == lock);
  EXPECT_TRUE(b.get_lock().recursive());
  EXPECT_TRUE(a.get_obj() == raw);
  a[1] = 9;
  EXPECT_EQ(raw[1], 9);
  EXPECT_EQ(b[1], 9);
  typename TypeParam::template RawValue<int> n(3);
  auto v = synchronized(n, lock);
  v.set_value(4);
  EXPECT_EQ(n.value(), 4);
}

}  // namespace
}  // namespace mp::testing
