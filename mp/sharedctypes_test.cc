#include "mp/sharedctypes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "mp/bytes.h"
#include "mp/errors.h"
#include "mp/queue.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

template <class T, class U>
T as(const U& v) {
  internal::Encoder& encoder = internal::Encoder::local();
  internal::Encoder::Building building(encoder);
  encoder.finish(encoder.value(v));
  return internal::decode_message<T>(encoder.message());
}

TEST(SharedCTypes, TypedAndUntypedAreOneAnother) {
  Value<int> typed(7);
  auto untyped = as<Value<Object>>(typed);
  EXPECT_EQ(untyped.typecode(), 'i');
  EXPECT_EQ(untyped.value(), Object(7));
  untyped.set_value(9);
  EXPECT_EQ(typed.value(), 9);
  EXPECT_TRUE(untyped.get_lock() == typed.get_lock());

  Array<double> doubles = as<Array<double>>(make_array('d', {0.5, 1}));
  EXPECT_EQ(doubles.slice(), (std::vector<double>{0.5, 1}));
  EXPECT_EQ(as<RawArray<int>>(make_raw_array('i', 3)).size(), 3u);
  EXPECT_EQ(as<RawValue<short>>(make_raw_value('h', -2)).value(), -2);
  EXPECT_THROW(as<Value<int>>(make_value('h', 1)), TypeError);
  EXPECT_THROW(as<Value<int>>(make_raw_value('i', 1)), TypeError);
  struct Point {
    int x, y;
  };
  EXPECT_THROW(as<Value<Object>>(Value<Point>()), TypeError);
}

TEST(SharedCTypes, EveryTypecodeKeepsItsLimits) {
  struct Case {
    char code;
    Object least;
    Object most;
  };
  const Case cases[] = {
      {'b', -128, 127},
      {'B', 0, 255},
      {'h', -32768, 32767},
      {'H', 0, 65535},
      {'i', INT32_MIN, INT32_MAX},
      {'I', 0, UINT32_MAX},
      {'l', INT64_MIN, INT64_MAX},
      {'L', 0, UINT64_MAX},
      {'q', INT64_MIN, INT64_MAX},
      {'Q', 0, UINT64_MAX},
      {'f', -0.5, std::numeric_limits<float>::max()},
      {'d', -0.5, std::numeric_limits<double>::max()},
      {'c', Bytes(std::string(1, '\0')), Bytes("\xff")},
      {'u', "a", "\U0010ffff"},
  };
  for (const Case& c : cases) {
    Value<Object> v = make_value(c.code, c.least);
    EXPECT_EQ(v.value(), c.least) << c.code;
    v.set_value(c.most);
    EXPECT_EQ(v.value(), c.most) << c.code;
    Array<Object> a = make_array(c.code, list({c.least, c.most}));
    EXPECT_EQ(a.get(0), c.least) << c.code;
    EXPECT_EQ(a.get(-1), c.most) << c.code;
  }
}

TEST(SharedCTypes, WithoutAValueTheyAreZero) {
  EXPECT_EQ(make_value('i').value(), Object(0));
  EXPECT_EQ(repr(make_value('d')), "<Synchronized wrapper for c_double(0.0)>");
  EXPECT_EQ(repr(make_raw_value('c')), "c_char(b'\\x00')");
  EXPECT_EQ(repr(make_raw_value('u')), "c_wchar('\\x00')");
}

TEST(SharedCTypes, UpdateStoresWhatTheCallMakes) {
  Value<Object> n = make_value('i', 7);
  n.update([](Object& v) { v = v.as<int>() * 2; });
  EXPECT_EQ(n.value(), Object(14));
  EXPECT_THROW(n.update([](Object& v) { v = "x"; }), TypeError);
  EXPECT_EQ(n.value(), Object(14));
  EXPECT_FALSE(n.get_lock().locked());
  EXPECT_EQ(n.get_obj().value(), Object(14));
  EXPECT_THROW(n.get_obj().get_obj(), AttributeError);
}

TEST(SharedCTypes, UpdateOfAnArrayGetsAllElementsAndReturnsWhatTheCallReturns) {
  Array<Object> a = make_array('i', {3, 1, 2});
  size_t seen = a.update([&a](Object& all) {
    EXPECT_TRUE(a.get_lock().acquire(0));  // it is ours
    a.release();
    all[0] = 7;
    return all.size();
  });
  EXPECT_EQ(seen, 3u);
  EXPECT_EQ(a.slice(), list({7, 1, 2}));
  EXPECT_THROW(a.update([](Object& all) { all.append(1); }), ValueError);
  EXPECT_THROW(a.update([](Object& all) { all[2] = "two"; }), TypeError);
  EXPECT_EQ(a.slice(), list({7, 1, 2}));
  a.update(-1, [](Object& v) { v = 9; });
  EXPECT_EQ(a[2], Object(9));
  Array<Object> text = make_array('c', Bytes("abc"));
  text.update([](Object& all) { all = Bytes("xyz"); });
  EXPECT_EQ(text.raw(), Object(Bytes("xyz")));
}

TEST(SharedCTypes, AnArrayIteratesOverItsElements) {
  Object seen = list();
  for (auto x : make_array('i', {1, 2, 3})) {
    seen.append(x);
  }
  EXPECT_EQ(seen, list({1, 2, 3}));
  int zeros = 0;
  for (Object x : make_raw_array('d', 3)) {
    zeros += x == Object(0.0);
  }
  EXPECT_EQ(zeros, 3);
  for (Object x : make_array('c', Bytes("a"))) {
    EXPECT_EQ(x, Object(Bytes("a")));
  }
}

TEST(SharedCTypes, ALockOfOnesOwn) {
  Lock lock;
  EXPECT_TRUE(make_value('i', 1, lock).get_lock() == lock);
  EXPECT_TRUE(make_array('i', 3, lock).get_lock() == lock);
  Value<Object> n = make_value('i', 1, lock);
  std::scoped_lock hold(n);
  EXPECT_TRUE(lock.locked());
}

TEST(SharedCTypes, AnUnknownTypecodeIsATypeErrorWhateverTheValue) {
  for (char code : {'x', 'z', '?', 'g', '\0', '\xff'}) {
    EXPECT_THROW(make_value(code), TypeError);
    EXPECT_THROW(make_value(code, 1), TypeError);
    EXPECT_THROW(make_raw_value(code, 1), TypeError);
    EXPECT_THROW(make_array(code, 1), TypeError);
    EXPECT_THROW(make_raw_array(code, list()), TypeError);
  }
}

TEST(SharedCTypes, CopyOfARawValueIsAnother) {
  RawValue<int> a(1);
  RawValue<int> b = copy(a);
  b.set_value(2);
  EXPECT_EQ(a.value(), 1);
  EXPECT_FALSE(a == b);
}

}  // namespace
}  // namespace mp
