#include "mp/internal/frame/encoder.h"

#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "mp/errors.h"
#include "mp/internal/frame/message.h"
#include "mp/wire/value_generated.h"

namespace mp {
namespace {

using Builder = flatbuffers::FlatBufferBuilder;
using Offset = flatbuffers::Offset<wire::Value>;

// One random value, made by an Encoder and by flatc's generated code at once.
class Twins {
 public:
  explicit Twins(uint64_t seed) : random_(seed) { builder_.ForceDefaults(true); }

  void make(int depth) {
    encoder_.clear();
    auto [ref, offset] = value(depth);
    encoder_.finish(ref);
    wire::FinishValueBuffer(builder_, offset);
  }
  std::string encoded() const {
    auto m = encoder_.message();
    return std::string(reinterpret_cast<const char*>(m.data()), m.size());
  }
  std::string built() const {
    return std::string(reinterpret_cast<const char*>(builder_.GetBufferPointer()),
                       builder_.GetSize());
  }

 private:
  struct Pair {
    Encoder::Ref ref;
    Offset offset;
  };

  uint64_t below(uint64_t n) { return random_() % n; }
  std::string some_text() { return std::string(below(12), static_cast<char>('a' + below(26))); }

  template <class T>
  Offset of(wire::Any any, flatbuffers::Offset<T> member) {
    return wire::CreateValue(builder_, any, member.Union());
  }

  template <class T, class Create>
  Pair scalars(wire::Any any, Create create) {
    std::vector<T> v(below(6));
    for (T& x : v) {
      x = static_cast<T>(random_());
    }
    Encoder::Ref ref = encoder_.scalars(std::span<const T>(v));
    return {ref, of(any, create(builder_, builder_.CreateVector(v)))};
  }

  Pair sequence(wire::Any any, int depth) {
    std::vector<Offset> offsets;
    Encoder::Items items(encoder_);
    for (uint64_t n = below(5); n > 0; --n) {
      Pair p = value(depth - 1);
      items.add(p.ref);
      offsets.push_back(p.offset);
    }
    if (any == wire::Any::List) {
      Encoder::Ref ref = encoder_.list(items);
      return {ref, of(any, wire::CreateList(builder_, builder_.CreateVector(offsets)))};
    }
    if (any == wire::Any::Tuple) {
      Encoder::Ref ref = encoder_.tuple(items);
      return {ref, of(any, wire::CreateTuple(builder_, builder_.CreateVector(offsets)))};
    }
    Encoder::Ref ref = encoder_.fields(items);
    return {ref, of(any, wire::CreateFields(builder_, builder_.CreateVector(offsets)))};
  }

  Pair value(int depth) {
    using wire::Any;
    switch (below(depth > 0 ? 30 : 21)) {
      case 0:
        return {encoder_.none(), of(Any::Null, wire::CreateNull(builder_))};
      case 1: {
        bool v = below(2) != 0;
        return {encoder_.boolean(v), of(Any::Bool, wire::CreateBool(builder_, v))};
      }
      case 2: {
        int64_t v = static_cast<int64_t>(random_()) >> below(64);
        return {encoder_.integer(v), of(Any::Int, wire::CreateInt(builder_, v))};
      }
      case 3: {
        uint64_t v = random_() | uint64_t{1} << 63;
        return {encoder_.uinteger(v), of(Any::UInt, wire::CreateUInt(builder_, v))};
      }
      case 4: {
        double v = static_cast<double>(below(1000)) / 7;
        return {encoder_.real(v), of(Any::Float, wire::CreateFloat(builder_, v))};
      }
      case 5: {
        std::string v = some_text();
        Encoder::Ref ref = encoder_.text(v);
        return {ref, of(Any::Text, wire::CreateText(builder_, builder_.CreateString(v)))};
      }
      case 6: {
        std::string v = some_text();
        Encoder::Ref ref = encoder_.bytes(std::as_bytes(std::span<const char>(v)));
        auto bytes = builder_.CreateVector(reinterpret_cast<const uint8_t*>(v.data()), v.size());
        return {ref, of(Any::Bytes, wire::CreateBytes(builder_, bytes))};
      }
      case 7:
        return scalars<int8_t>(Any::Int8s, wire::CreateInt8s);
      case 8:
        return scalars<int16_t>(Any::Int16s, wire::CreateInt16s);
      case 9:
        return scalars<int32_t>(Any::Int32s, wire::CreateInt32s);
      case 10:
        return scalars<int64_t>(Any::Int64s, wire::CreateInt64s);
      case 11:
        return scalars<uint8_t>(Any::UInt8s, wire::CreateUInt8s);
      case 12:
        return scalars<uint16_t>(Any::UInt16s, wire::CreateUInt16s);
      case 13:
        return scalars<uint32_t>(Any::UInt32s, wire::CreateUInt32s);
      case 14:
        return scalars<uint64_t>(Any::UInt64s, wire::CreateUInt64s);
      case 15:
        return scalars<float>(Any::Float32s, wire::CreateFloat32s);
      case 16:
        return scalars<double>(Any::Float64s, wire::CreateFloat64s);
      case 17: {
        std::vector<std::string> v;
        for (uint64_t n = below(4); n > 0; --n) {
          v.push_back(some_text());
        }
        Encoder::Ref ref = encoder_.texts(v);
        auto texts = builder_.CreateVectorOfStrings(v);
        return {ref, of(Any::Texts, wire::CreateTexts(builder_, texts))};
      }
      case 18: {
        int64_t s = static_cast<int64_t>(random_());
        uint64_t p = below(1000);
        if (below(2) != 0) {
          return {encoder_.duration(s, p), of(Any::Duration, wire::CreateDuration(builder_, s, p))};
        }
        return {encoder_.time(2, s, p),
                of(Any::Time, wire::CreateTime(builder_, wire::Clock::steady, s, p))};
      }
      case 19: {
        uint32_t kind = static_cast<uint32_t>(below(9));
        return {encoder_.handle(kind, 64 * kind),
                of(Any::Handle, wire::CreateHandle(builder_, kind, 64 * kind))};
      }
      case 20: {
        wire::Token token(random_(), random_(), random_(), random_());
        Encoder::Ref ref = encoder_.pointer(
            {token.module_high(), token.module_low(), token.offset(), token.check()}, 8);
        return {ref, of(Any::Pointer, wire::CreatePointer(builder_, &token, 8))};
      }
      case 21: {
        Pair state = value(depth - 1);
        wire::Token token(random_(), random_(), random_(), random_());
        Encoder::Ref ref = encoder_.callable(
            {token.module_high(), token.module_low(), token.offset(), token.check()}, state.ref);
        return {ref, of(Any::Callable, wire::CreateCallable(builder_, &token, state.offset))};
      }
      case 22: {
        Pair items = sequence(Any::List, depth);
        Encoder::Ref ref = encoder_.set(items.ref);
        return {ref, of(Any::Set, wire::CreateSet(builder_, items.offset))};
      }
      case 23: {
        Pair keys = value(depth - 1);
        Pair values = value(depth - 1);
        Encoder::Ref ref = encoder_.dict(keys.ref, values.ref);
        return {ref, of(Any::Dict, wire::CreateDict(builder_, keys.offset, values.offset))};
      }
      case 24: {
        Pair inner = value(depth - 1);
        Encoder::Ref ref = encoder_.variant(3, inner.ref);
        return {ref, of(Any::Choice, wire::CreateChoice(builder_, 3, inner.offset))};
      }
      case 25: {
        Pair inner = value(depth - 1);
        std::string type = some_text();
        Encoder::Ref ref = encoder_.tagged(type, inner.ref);
        auto name = builder_.CreateString(type);
        return {ref, of(Any::Tagged, wire::CreateTagged(builder_, name, inner.offset))};
      }
      case 26: {
        Pair state = value(depth - 1);
        std::string type = some_text();
        std::string text = some_text();
        std::string backtrace = some_text();
        Encoder::Ref ref = encoder_.failure({type, text, backtrace, -5, "generic"}, state.ref);
        auto t = builder_.CreateString(type);
        auto x = builder_.CreateString(text);
        flatbuffers::Offset<flatbuffers::String> b;
        if (!backtrace.empty()) {
          b = builder_.CreateString(backtrace);
        }
        auto c = builder_.CreateString("generic");
        return {ref, of(Any::Failure, wire::CreateFailure(builder_, t, x, b, -5, c, state.offset))};
      }
      case 27:
        return sequence(Any::Tuple, depth);
      case 28:
        return sequence(Any::Fields, depth);
      default:
        return sequence(Any::List, depth);
    }
  }

  std::mt19937_64 random_;
  Encoder encoder_;
  Builder builder_;
};

TEST(Encoder, WritesTheBytesOfTheGeneratedBuilder) {
  for (uint64_t seed = 0; seed < 5000; ++seed) {
    Twins twins(seed);
    twins.make(static_cast<int>(seed % 6));
    ASSERT_EQ(twins.encoded(), twins.built()) << "seed " << seed;
  }
}

TEST(Encoder, RemembersHandlesAndDescriptorsInOrder) {
  Encoder e;
  Encoder::Items items(e);
  items.add(e.handle(1, 640));
  items.add(e.fd(7));
  items.add(e.handle(2, 1280));
  items.add(e.fd(9));
  e.finish(e.list(items));
  EXPECT_EQ(std::vector<uint64_t>(e.handles().begin(), e.handles().end()),
            (std::vector<uint64_t>{640, 1280}));
  EXPECT_EQ(std::vector<int>(e.fds().begin(), e.fds().end()), (std::vector<int>{7, 9}));
  Reader r = Reader::open(e.message());
  EXPECT_EQ(r[0].handle(1), 640u);
  EXPECT_EQ(r[2].handle(2), 1280u);
  EXPECT_THROW(r[2].handle(1), TypeError);
  e.clear();
  EXPECT_TRUE(e.handles().empty());
  EXPECT_TRUE(e.fds().empty());
}

TEST(Encoder, EndsAMessageThatIsNestedTooDeep) {
  // Level by level, as a value that contains itself is encoded.
  struct Deep {
    static Encoder::Ref encode(Encoder& e, int depth) {
      Encoder::Level level(e);
      Encoder::Items items(e);
      if (depth > 0) {
        items.add(encode(e, depth - 1));
      }
      return e.list(items);
    }
  };
  Encoder e;
  e.finish(Deep::encode(e, static_cast<int>(Encoder::kMostLevels) - 1));
  EXPECT_EQ(e.levels(), Encoder::kMostLevels);
  e.clear();
  EXPECT_THROW(Deep::encode(e, static_cast<int>(Encoder::kMostLevels)), ValueError);
  // It is as good as new.
  internal::encode_message(e, 5);
  EXPECT_EQ(internal::decode_message<int>(e.message()), 5);
  EXPECT_EQ(e.levels(), 0u);
}

struct SendsInside {
  int v = 0;
};

}  // namespace

template <>
struct Codec<SendsInside> {
  static Encoder::Ref encode(Encoder& e, const SendsInside& v) {
    // Another message while this one is being built.
    Encoder& inner = Encoder::local();
    EXPECT_NE(&inner, &e);
    internal::encode_message(inner, std::string(500, 'x'));
    return e.integer(v.v);
  }
  static SendsInside decode(const Reader& r) { return {r.integer<int>()}; }
};

namespace {

TEST(Encoder, LocalGivesAnotherOneWhileAMessageIsBuilt) {
  Encoder& e = Encoder::local();
  internal::encode_message(e, std::vector<SendsInside>{{1}, {2}});
  auto got = internal::decode_message<std::vector<SendsInside>>(e.message());
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[1].v, 2);
  EXPECT_EQ(&Encoder::local(), &e);
}

TEST(Encoder, IsUsableAfterACodecThrew) {
  struct Local {
    static void build(Encoder& e) {
      Encoder::Building building(e);
      Encoder::Items items(e);
      items.add(e.integer(1));
      raise(internal::value_error("no"));
    }
  };
  Encoder& e = Encoder::local();
  EXPECT_THROW(Local::build(e), ValueError);
  EXPECT_EQ(&Encoder::local(), &e);
  internal::encode_message(e, 7);
  EXPECT_EQ(internal::decode_message<int>(e.message()), 7);
}

TEST(Encoder, GivesBackTheMemoryOfALargeMessage) {
  Encoder e;
  internal::encode_message(e, std::string(Encoder::kKeep * 4, 'x'));
  EXPECT_GT(e.message().size(), Encoder::kKeep * 4);
  internal::encode_message(e, 1);
  EXPECT_EQ(e.message().size(), 48u);
}

}  // namespace
}  // namespace mp
