#include "mp/flatbuffer.h"

#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "mp/errors.h"
#include "mp/internal/frame/testdata/monster_generated.h"

namespace mp {
namespace {

app::MonsterT orc() {
  app::MonsterT m;
  m.hp = 80;
  m.name = "orc";
  m.place = {1.5, 2.5};
  return m;
}

template <class To, class From>
To sent_as(const From& v) {
  Encoder e;
  internal::encode_message(e, v);
  return internal::decode_message<To>(e.message());
}

TEST(FlatBuffer, ClassesOfTheObjectApiCross) {
  auto got = sent_as<app::MonsterT>(orc());
  EXPECT_EQ(got.hp, 80);
  EXPECT_EQ(got.name, "orc");
  EXPECT_EQ(got.place, (std::vector<double>{1.5, 2.5}));
  auto map = sent_as<std::map<std::string, app::MonsterT>>(
      std::map<std::string, app::MonsterT>{{"a", orc()}});
  EXPECT_EQ(map.at("a").name, "orc");
}

TEST(FlatBuffer, BuffersCrossAndAreReadInPlace) {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(app::CreateMonsterDirect(builder, 80, "orc", nullptr));
  FlatBuffer<app::Monster> monster(builder);
  EXPECT_EQ(monster->hp(), 80);
  auto got = sent_as<FlatBuffer<app::Monster>>(monster);
  EXPECT_EQ(got->hp(), 80);
  EXPECT_EQ((*got).name()->str(), "orc");
  EXPECT_EQ(got.bytes().size(), builder.GetSize());
  FlatBuffer<app::Monster> copy = got;
  EXPECT_EQ(copy.bytes().data(), got.bytes().data());
}

TEST(FlatBuffer, OneIsReceivedAsTheOther) {
  EXPECT_EQ(sent_as<FlatBuffer<app::Monster>>(orc())->place()->Get(1), 2.5);
  FlatBuffer<app::Monster> buffer = sent_as<FlatBuffer<app::Monster>>(orc());
  EXPECT_EQ(sent_as<app::MonsterT>(buffer).name, "orc");
}

TEST(FlatBuffer, AnotherTableIsATypeError) {
  EXPECT_THROW(sent_as<app::OtherT>(orc()), TypeError);
  EXPECT_THROW(sent_as<FlatBuffer<app::Other>>(orc()), TypeError);
  EXPECT_THROW(sent_as<app::MonsterT>(5), TypeError);
}

TEST(FlatBuffer, WhatTheVerifierRefusesIsACodecError) {
  for (size_t n : {0, 3, 8, 30}) {
    Encoder e;
    std::vector<std::byte> bytes(n, std::byte{0x7f});
    e.finish(e.tagged(internal::type_name<app::Monster>(), e.bytes(bytes)));
    EXPECT_THROW(internal::decode_message<app::MonsterT>(e.message()), CodecError) << n;
  }
}

}  // namespace
}  // namespace mp
