#include "mp/object.h"

#include <chrono>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <unordered_set>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "gtest/gtest.h"
#include "mp/errors.h"

namespace mp {
namespace {

// As a queue of Objects has it.
struct Channel {
  void put(const Object& value) { got = value; }
  Object got;
};

std::string printed(const Object& o) {
  std::ostringstream out;
  out << o;
  return out.str();
}

// What a call throws: "KeyError: 'x'".
template <class F>
std::string error(F f) {
  try {
    f();
  } catch (const Error& e) {
    return std::string(e.name()) + ": " + e.what();
  }
  return "nothing";
}

Object sent(const Object& o) {
  Encoder e;
  internal::encode_message(e, o);
  return internal::decode_message<Object>(e.message());
}

TEST(Object, BracesMakeAList) {
  Channel q;
  q.put({42, None, "hello"});
  EXPECT_EQ(printed(q.got), "[42, None, 'hello']");
  q.put({42});
  EXPECT_EQ(printed(q.got), "[42]");
  q.put({{"a", 1}, {"b", 2}});
  EXPECT_EQ(printed(q.got), "[['a', 1], ['b', 2]]");
  q.put({"a", "b"});
  EXPECT_EQ(printed(q.got), "['a', 'b']");
  q.put({{"a", "b"}, {"c", "d"}});
  EXPECT_EQ(printed(q.got), "[['a', 'b'], ['c', 'd']]");
  q.put({});
  EXPECT_EQ(printed(q.got), "None");
  q.put(list());
  EXPECT_EQ(printed(q.got), "[]");
  q.put(tuple({1, dict({{"k", set({1})}})}));
  EXPECT_EQ(printed(q.got), "(1, {'k': {1}})");
}

TEST(Object, ReprIsPythons) {
  EXPECT_EQ(repr(None), "None");
  EXPECT_EQ(repr(true), "True");
  EXPECT_EQ(repr(false), "False");
  EXPECT_EQ(repr(0), "0");
  EXPECT_EQ(repr(std::numeric_limits<int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(repr(~0ull), "18446744073709551615");
  EXPECT_EQ(repr(1.0), "1.0");
  EXPECT_EQ(repr(-0.0), "-0.0");
  EXPECT_EQ(repr(0.1), "0.1");
  EXPECT_EQ(repr(1e15), "1000000000000000.0");
  EXPECT_EQ(repr(1e16), "1e+16");
  EXPECT_EQ(repr(1.5e300), "1.5e+300");
  EXPECT_EQ(repr(0.0001), "0.0001");
  EXPECT_EQ(repr(0.00001), "1e-05");
  EXPECT_EQ(repr(5e-324), "5e-324");
  EXPECT_EQ(repr(HUGE_VAL), "inf");
  EXPECT_EQ(repr(-HUGE_VAL), "-inf");
  EXPECT_EQ(repr(std::nan("")), "nan");
  EXPECT_EQ(repr("hello"), "'hello'");
  EXPECT_EQ(repr("it's"), "\"it's\"");
  EXPECT_EQ(repr("it's \"so\""), "'it\\'s \"so\"'");
  EXPECT_EQ(repr("a\tb\nc\rd\\e\x01\x7f"), "'a\\tb\\nc\\rd\\\\e\\x01\\x7f'");
  EXPECT_EQ(repr("h\u00e9 \u00a0 \u200b \U0001f600"), "'h\u00e9 \\xa0 \\u200b \U0001f600'");
  EXPECT_EQ(repr("\xff"), "'\\udcff'");
  EXPECT_EQ(repr(Bytes("a\0'\xff", 4)), "b\"a\\x00'\\xff\"");
  EXPECT_EQ(repr(list()), "[]");
  EXPECT_EQ(repr(tuple()), "()");
  EXPECT_EQ(repr(tuple({1})), "(1,)");
  EXPECT_EQ(repr(tuple({1, 2})), "(1, 2)");
  EXPECT_EQ(repr(set()), "set()");
  EXPECT_EQ(repr(set({3, 1, 3, 2})), "{3, 1, 2}");
  EXPECT_EQ(repr(dict()), "{}");
  EXPECT_EQ(repr(dict({{"b", 1}, {"a", list({1.5})}, {1, None}})), "{'b': 1, 'a': [1.5], 1: None}");
}

TEST(Object, PrintingIsPythonsStr) {
  EXPECT_EQ(printed("it's"), "it's");
  EXPECT_EQ(printed(list({"it's"})), "[\"it's\"]");
  EXPECT_EQ(printed(Bytes("a", 1)), "b'a'");
  EXPECT_EQ(str('c'), "c");
}

struct Point {
  double x;
  std::string name;
};
enum class Color { kRed = 3 };

TEST(Object, ValuesOfCppBecomeWhatPythonHasForThem) {
  EXPECT_EQ(repr(std::vector<int>{1, 2}), "[1, 2]");
  EXPECT_EQ(repr(std::map<std::string, double>{{"a", 1}}), "{'a': 1.0}");
  EXPECT_EQ(repr(std::set<int>{2, 1}), "{1, 2}");
  EXPECT_EQ(repr(std::tuple<int, std::string>(1, "a")), "(1, 'a')");
  EXPECT_EQ(repr(Point{1, "p"}), "(1.0, 'p')");
  EXPECT_EQ(repr(std::optional<int>()), "None");
  EXPECT_EQ(repr(std::variant<int, std::string>("v")), "'v'");
  EXPECT_EQ(repr(std::chrono::milliseconds(1500)), "1.5");
  EXPECT_EQ(repr(std::vector<bool>{true}), "[True]");
  EXPECT_EQ(repr(std::vector<Object>{1, "a"}), "[1, 'a']");
  EXPECT_EQ(repr(Color::kRed), "3");
  EXPECT_EQ(repr(nullptr), "None");
}

TEST(Object, GivesItsValueAsACppType) {
  Object o = {42, "text", 1.5, None, Bytes("b", 1)};
  EXPECT_EQ(o[0].as<int>(), 42);
  EXPECT_EQ(o[0].as<double>(), 42.0);
  EXPECT_EQ(o[1].as<std::string>(), "text");
  EXPECT_EQ(o[2].as<double>(), 1.5);
  EXPECT_EQ(o[3].as<std::optional<int>>(), std::nullopt);
  EXPECT_EQ(o[4].as<Bytes>(), Bytes("b", 1));
  EXPECT_EQ(list({1, 2}).as<std::vector<int>>(), (std::vector<int>{1, 2}));
  EXPECT_EQ((dict({{"a", 1}}).as<std::map<std::string, int>>()),
            (std::map<std::string, int>{{"a", 1}}));
  EXPECT_EQ(tuple({1.0, "p"}).as<Point>().name, "p");
  EXPECT_EQ(error([&] { o[1].as<int>(); }), "TypeError: mp: expected int, found str");
  EXPECT_EQ(error([] { Object(300).as<int8_t>(); }),
            "ValueError: mp: the int 300 does not fit signed char");
  EXPECT_EQ(Object("x").text(), "x");
  EXPECT_EQ(error([] { Object(1).text(); }), "TypeError: expected str or bytes, found int");
}

// Its codec looks into the message with Objects, which encode.
struct Nosy {
  int sum = 0;
};

}  // namespace

template <>
struct Codec<Nosy> {
  static Encoder::Ref encode(Encoder& e, const Nosy& v) { return e.value(Object({v.sum, 0})); }
  static Nosy decode(const Reader& r) {
    Object o = r.as<Object>();
    int first = o[0].as<int>();
    return {first + o[1].as<int>() + r[1].as<int>()};
  }
};

namespace {

TEST(Object, GivesItsValueToACodecThatEncodesWhileItReads) {
  EXPECT_EQ(Object({1, 2}).as<Nosy>().sum, 5);
}

TEST(Object, CrossesAsItself) {
  for (const Object& o : std::vector<Object>{None,
                                             true,
                                             5,
                                             -5,
                                             ~0ull,
                                             1.5,
                                             "text",
                                             Bytes("\0a", 2),
                                             list(),
                                             list({1, 2, 3}),
                                             list({1.5, 2.5}),
                                             list({"a", "b"}),
                                             list({1, "a", None}),
                                             list({true, false}),
                                             tuple(),
                                             tuple({1, tuple({2})}),
                                             set(),
                                             set({1, 2}),
                                             set({"a", tuple({1})}),
                                             dict(),
                                             dict({{"a", 1}, {2, list({dict({{None, true}})})}})}) {
    Object got = sent(o);
    EXPECT_EQ(got, o);
    EXPECT_EQ(got.kind(), o.kind());
    EXPECT_EQ(repr(got), repr(o));
  }
}

TEST(Object, ListsOfOneKindCrossAsVectors) {
  Encoder e;
  internal::encode_message(e, list({1, 2, 3}));
  EXPECT_EQ(internal::decode_message<std::vector<int64_t>>(e.message()),
            (std::vector<int64_t>{1, 2, 3}));
  EXPECT_EQ(Reader::open(e.message()).form(), internal::Form::kInt64s);
  internal::encode_message(e, list({1, true}));
  EXPECT_EQ(Reader::open(e.message()).form(), internal::Form::kList);
  EXPECT_EQ(repr(internal::decode_message<Object>(e.message())), "[1, True]");
  internal::encode_message(e, list({1, ~0ull}));
  EXPECT_EQ(repr(internal::decode_message<Object>(e.message())), "[1, 18446744073709551615]");
}

TEST(Object, WhatIsNoValueIsATypeError) {
  Encoder e;
  e.finish(e.fd(3));
  EXPECT_EQ(error([&] { internal::decode_message<Object>(e.message()); }),
            "TypeError: mp: expected mp::Object, found file descriptor");
}

TEST(Object, NestsToAThousandLevels) {
  Object o = 1;
  for (int i = 0; i < 999; ++i) {
    o = list({o});
  }
  EXPECT_EQ(sent(o), o);
  o = list({list({list({o})})});
  EXPECT_EQ(error([&] { sent(o); }).substr(0, 32), "ValueError: mp: the value is nes");
}

TEST(Object, ComparesAsPython) {
  EXPECT_EQ(Object(1), Object(1.0));
  EXPECT_EQ(Object(1), Object(true));
  EXPECT_NE(Object(1), Object("1"));
  EXPECT_NE(tuple({1}), list({1}));
  EXPECT_EQ(list({1, 2}), list({1.0, true + 1}));
  EXPECT_EQ(set({1, 2}), set({2, 1}));
  EXPECT_EQ(dict({{"a", 1}, {"b", 2}}), dict({{"b", 2}, {"a", 1}}));
  EXPECT_NE(dict({{"a", 1}}), dict({{"a", 2}}));
  EXPECT_NE(Object(std::nan("")), Object(std::nan("")));
  // 2^53 + 1 is no double.
  EXPECT_NE(Object((int64_t{1} << 53) + 1), Object(0x1p53));
  EXPECT_LT(Object(0x1p53), Object((int64_t{1} << 53) + 1));
  EXPECT_LT(Object(-1), Object(~0ull));
  EXPECT_LT(Object(~0ull), Object(0x1p64));
  EXPECT_GT(Object(std::numeric_limits<int64_t>::min()), Object(-0x1p64));
  EXPECT_LT(Object(2), Object(2.5));
  EXPECT_GT(Object(-2), Object(-2.5));
  EXPECT_FALSE(Object(1) < Object(std::nan("")));
  EXPECT_FALSE(Object(1) >= Object(std::nan("")));
  EXPECT_LT(Object("a"), Object("b"));
  EXPECT_LT(Object("z"), Object("\u00e9"));
  EXPECT_LT(list({1, 2}), list({1, 3}));
  EXPECT_LT(list({1}), list({1, 0}));
  EXPECT_LE(tuple({1}), tuple({1}));
  EXPECT_GE(tuple({2}), tuple({1, 5}));
  EXPECT_LT(set({1}), set({1, 2}));
  EXPECT_FALSE(set({1}) < set({1}));
  EXPECT_LE(set({1}), set({1}));
  EXPECT_FALSE(set({1, 3}) < set({1, 2, 4}));
  EXPECT_GT(set({1, 2}), set({2}));
  EXPECT_EQ(error([] { (void)(Object(1) < Object("a")); }),
            "TypeError: '<' not supported between instances of 'int' and 'str'");
  EXPECT_EQ(error([] { (void)(Object("a") >= Object(None)); }),
            "TypeError: '>=' not supported between instances of 'str' and 'NoneType'");
  EXPECT_EQ(error([] { (void)(list({1}) > list({"a"})); }),
            "TypeError: '>' not supported between instances of 'int' and 'str'");
  EXPECT_EQ(error([] { (void)(dict() < dict()); }),
            "TypeError: '<' not supported between instances of 'dict' and 'dict'");
}

TEST(Object, EqualObjectsHaveEqualHashes) {
  EXPECT_EQ(Object(1).hash(), Object(1.0).hash());
  EXPECT_EQ(Object(1).hash(), Object(true).hash());
  EXPECT_EQ(Object(0).hash(), Object(-0.0).hash());
  EXPECT_EQ(Object(-3).hash(), Object(-3.0).hash());
  EXPECT_EQ(Object(uint64_t{1} << 63).hash(), Object(0x1p63).hash());
  EXPECT_EQ(tuple({1, "a"}).hash(), tuple({1.0, "a"}).hash());
  EXPECT_NE(Object(1).hash(), Object(2).hash());
  EXPECT_EQ(error([] { list().hash(); }), "TypeError: unhashable type: 'list'");
  EXPECT_EQ(error([] { tuple({set()}).hash(); }), "TypeError: unhashable type: 'set'");
  EXPECT_EQ(error([] { set({dict()}); }), "TypeError: unhashable type: 'dict'");
  std::unordered_set<Object> all{1, 1.0, true, "a", tuple({1})};
  EXPECT_EQ(all.size(), 3u);
  absl::flat_hash_map<Object, int> map{{"a", 1}, {tuple({1, 2}), 2}};
  EXPECT_EQ(map.at(tuple({1, 2})), 2);
}

TEST(Object, IndexesAsPython) {
  Object l = {1, 2, 3};
  EXPECT_EQ(l[0], 1);
  EXPECT_EQ(l[-1], 3);
  l[1] = "two";
  EXPECT_EQ(repr(l), "[1, 'two', 3]");
  EXPECT_EQ(error([&] { l[3]; }), "IndexError: list index out of range");
  EXPECT_EQ(error([&] { l[-4]; }), "IndexError: list index out of range");
  EXPECT_EQ(error([&] { l[~0ull]; }), "IndexError: list index out of range");
  EXPECT_EQ(error([&] { tuple({1}).at(1); }), "IndexError: tuple index out of range");
  EXPECT_EQ(error([&] { l["a"]; }), "TypeError: list indices must be integers or slices, not str");
  EXPECT_EQ(error([&] { Object(5)[0]; }), "TypeError: 'int' object is not subscriptable");
  Object d = dict({{"a", 1}});
  d["b"] = list({2});
  d["b"].append(3);
  EXPECT_EQ(repr(d), "{'a': 1, 'b': [2, 3]}");
  EXPECT_EQ(error([&] { d.at("c"); }), "KeyError: 'c'");
  EXPECT_EQ(error([&] { std::as_const(d)[1]; }), "KeyError: 1");
  EXPECT_EQ(d.size(), 2u);
  EXPECT_TRUE(d["new"].is_none());
  EXPECT_EQ(d.size(), 3u);
}

TEST(Object, ContainersDoWhatPythonsDo) {
  Object l = {1, 2};
  l.append(3);
  EXPECT_TRUE(l.contains(3));
  EXPECT_FALSE(l.contains("3"));
  EXPECT_EQ(l.pop(0), 1);
  EXPECT_EQ(l.pop(-1), 3);
  EXPECT_EQ(repr(l), "[2]");
  EXPECT_EQ(error([&] { l.add(1); }), "AttributeError: 'list' object has no attribute 'add'");
  Object s = set({1});
  s.add(1.0);
  s.add("a");
  EXPECT_EQ(repr(s), "{1, 'a'}");
  EXPECT_EQ(error([&] { s.append(1); }), "AttributeError: 'set' object has no attribute 'append'");
  EXPECT_EQ(error([&] { s.pop(7); }), "KeyError: 7");
  s.pop(1);
  EXPECT_EQ(repr(s), "{'a'}");
  Object d = dict({{"a", 1}, {"b", 2}, {"a", 3}});
  EXPECT_EQ(repr(d), "{'a': 3, 'b': 2}");
  EXPECT_EQ(d.pop("a"), 3);
  EXPECT_EQ(repr(d), "{'b': 2}");
  std::string keys;
  for (const Object& key : dict({{"x", 1}, {"y", 2}})) {
    keys += str(key);
  }
  EXPECT_EQ(keys, "xy");
  EXPECT_EQ(dict({{"x", 1}}).values()[0], 1);
  EXPECT_EQ(Object("h\u00e9").size(), 2u);
  EXPECT_TRUE(Object("hello").contains("ell"));
  EXPECT_TRUE(Object(Bytes("abc", 3)).contains(98));
  EXPECT_EQ(error([] { Object("x").contains(1); }),
            "TypeError: 'in <string>' requires string as left operand, not int");
  EXPECT_EQ(error([] { Object(1).size(); }), "TypeError: object of type 'int' has no len()");
  EXPECT_EQ(error([] { (void)Object(1).begin(); }), "TypeError: 'int' object is not iterable");
}

TEST(Object, LargeDictsFindWhatSmallOnesFind) {
  Object d = dict();
  for (int i = 0; i < 5000; ++i) {
    d[tuple({i, "k"})] = i;
  }
  for (int i = 0; i < 5000; ++i) {
    ASSERT_EQ(d.at(tuple({i, "k"})), i);
  }
  EXPECT_FALSE(d.contains(tuple({5000, "k"})));
  for (int i = 0; i < 4995; i += 5) {
    d.pop(tuple({i, "k"}));
  }
  EXPECT_EQ(d.size(), 4001u);
  EXPECT_FALSE(d.contains(tuple({10, "k"})));
  EXPECT_EQ(d.at(tuple({11, "k"})), 11);
}

TEST(Object, TruthIsPythons) {
  for (const Object& o : {Object(), Object(false), Object(0), Object(0.0), Object(""), list(),
                          tuple(), set(), dict(), Object(Bytes())}) {
    EXPECT_FALSE(static_cast<bool>(o)) << repr(o);
  }
  for (const Object& o : {Object(true), Object(-1), Object(0.5), Object("0"), list({None})}) {
    EXPECT_TRUE(static_cast<bool>(o)) << repr(o);
  }
}

TEST(Object, CopiesAreDeep) {
  Object a = {list({1}), dict({{"k", "v"}}), set({1}), Bytes("b", 1)};
  Object b = a;
  b[0].append(2);
  b[1]["k"] = "w";
  b[2].add(2);
  EXPECT_EQ(repr(a), "[[1], {'k': 'v'}, {1}, b'b']");
  EXPECT_EQ(repr(b), "[[1, 2], {'k': 'w'}, {1, 2}, b'b']");
  Object c = std::move(b);
  EXPECT_TRUE(b.is_none());
  a = c;
  a = std::move(c);
  EXPECT_EQ(repr(a), "[[1, 2], {'k': 'w'}, {1, 2}, b'b']");
  EXPECT_STREQ(a.type_name(), "list");
  static_assert(sizeof(Object) == 16);
}

// A struct may hold Objects.
struct Job {
  Object what;
  int priority;
  Object more;
};

TEST(Object, IsAFieldOfStructs) {
  static_assert(Shippable<Job>);
  Encoder e;
  internal::encode_message(e, Job{{1, 2}, 5, "x"});
  Job got = internal::decode_message<Job>(e.message());
  EXPECT_EQ(repr(got.what), "[1, 2]");
  EXPECT_EQ(got.priority, 5);
  EXPECT_EQ(got.more, "x");
}

}  // namespace
}  // namespace mp
