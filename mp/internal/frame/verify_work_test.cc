// What it costs to check a message that was made to be dear to check, per byte: every byte that a peer sends may cost 10 ns.

#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mp/internal/frame/verify.h"
#include "mp/wire/value_generated.h"
#include "tools/fuzz/aligned.h"

namespace mp::internal {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;
using mp::testing::Aligned;

constexpr double kMostNs = 10;
// In a processor's own caches, in one that is shared, and as large as a connection takes unless it is told to take more.
constexpr size_t kSizes[] = {size_t{256} << 10, size_t{4} << 20, size_t{64} << 20};

using Values = std::vector<Offset<wire::Value>>;

Offset<wire::Value> null(FlatBufferBuilder& b) {
  return wire::CreateValue(b, wire::Any::Null, wire::CreateNull(b).Union());
}
Offset<wire::Value> list(FlatBufferBuilder& b, const Values& items) {
  return wire::CreateValue(b, wire::Any::List, wire::CreateList(b, b.CreateVector(items)).Union());
}
// `make` until the message would be larger than `size`, each costing `rest` bytes more later.
Values fill(FlatBufferBuilder& b, size_t size, size_t rest,
            const std::function<Offset<wire::Value>()>& make) {
  Values all;
  while (b.GetSize() + all.size() * rest + 8000 < size) {
    all.push_back(make());
  }
  return all;
}
// In no order that a processor could foresee.
void shuffle(Values& values) {
  std::mt19937_64 random(1);
  std::shuffle(values.begin(), values.end(), random);
}

// Every step is to a place that is known only when the step before it is done. In a large message that is in no cache: then the
// time is that of the memory, step by step, whatever is done there.
Offset<wire::Value> scattered_towers(FlatBufferBuilder& b, size_t size) {
  constexpr size_t kLevels = 60;
  constexpr size_t kBytesPerLevel = 29;
  std::mt19937_64 random(1);
  std::vector<size_t> order(size / (kLevels * kBytesPerLevel));
  for (size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
  }
  Values towers(order.size());
  std::vector<Offset<flatbuffers::Vector<Offset<wire::Value>>>> vectors(order.size());
  std::vector<Offset<wire::List>> lists(order.size());
  auto for_each = [&](auto&& make) {
    std::shuffle(order.begin(), order.end(), random);
    for (size_t i : order) {
      make(i);
    }
  };
  for_each([&](size_t i) { towers[i] = null(b); });
  for (size_t level = 1; level < kLevels; ++level) {
    for_each([&](size_t i) { vectors[i] = b.CreateVector(&towers[i], 1); });
    for_each([&](size_t i) { lists[i] = wire::CreateList(b, vectors[i]); });
    for_each(
        [&](size_t i) { towers[i] = wire::CreateValue(b, wire::Any::List, lists[i].Union()); });
  }
  return list(b, towers);
}

struct Worst {
  const char* what;
  // A root for a message of `size` bytes at most.
  Offset<wire::Value> (*root)(FlatBufferBuilder& b, size_t size);
  // Largest size for which the bound is kept.
  size_t bounded = ~size_t{0};
};

const Worst kWorst[] = {
    {"None, many times",
     [](FlatBufferBuilder& b, size_t size) {
       return list(b, fill(b, size, 4, [&] { return null(b); }));
     }},
    {"None, many times, each elsewhere",
     [](FlatBufferBuilder& b, size_t size) {
       Values all = fill(b, size, 4, [&] { return null(b); });
       shuffle(all);
       return list(b, all);
     }},
    {"None, many times, each elsewhere and described elsewhere",
     [](FlatBufferBuilder& b, size_t size) {
       b.DedupVtables(false);
       Values all = fill(b, size, 4, [&] { return null(b); });
       shuffle(all);
       return list(b, all);
     }},
    {"None of many places, named again and again",
     [](FlatBufferBuilder& b, size_t size) {
       b.DedupVtables(false);
       Values some = fill(b, size / 2, 0, [&] { return null(b); });
       Values all;
       std::mt19937_64 random(1);
       while (b.GetSize() + all.size() * 4 + 100 < size) {
         all.push_back(some[random() % some.size()]);
       }
       return list(b, all);
     }},
    {"one value, named again and again",
     [](FlatBufferBuilder& b, size_t size) { return list(b, Values((size - 200) / 4, null(b))); }},
    {"towers of 60 lists",
     [](FlatBufferBuilder& b, size_t size) {
       return list(b, fill(b, size, 4, [&] {
                     Offset<wire::Value> value = null(b);
                     for (int i = 0; i < 60; ++i) {
                       value = list(b, {value});
                     }
                     return value;
                   }));
     }},
    {"towers of 60 lists, each part elsewhere", scattered_towers, size_t{4} << 20},
    {"2^60 paths",
     [](FlatBufferBuilder& b, size_t size) {
       // The rest of the size is there to be paid with.
       b.CreateVector(std::vector<uint8_t>(size - 8000));
       Offset<wire::Value> value = null(b);
       for (int i = 0; i < 60; ++i) {
         value = list(b, {value, value});
       }
       return value;
     }},
    {"texts, many times",
     [](FlatBufferBuilder& b, size_t size) {
       std::vector<Offset<flatbuffers::String>> all;
       while (b.GetSize() + all.size() * 4 + 100 < size) {
         all.push_back(b.CreateString(""));
       }
       std::mt19937_64 random(1);
       std::shuffle(all.begin(), all.end(), random);
       return wire::CreateValue(b, wire::Any::Texts,
                                wire::CreateTexts(b, b.CreateVector(all)).Union());
     }},
    {"one text, named again and again",
     [](FlatBufferBuilder& b, size_t size) {
       auto text = b.CreateString("");
       const std::vector<Offset<flatbuffers::String>> all((size - 200) / 4, text);
       return wire::CreateValue(b, wire::Any::Texts,
                                wire::CreateTexts(b, b.CreateVector(all)).Union());
     }},
    {"one vector of texts, named again and again",
     [](FlatBufferBuilder& b, size_t size) {
       auto text = b.CreateString("");
       const std::vector<Offset<flatbuffers::String>> all(size / 8, text);
       auto texts = wire::CreateValue(b, wire::Any::Texts,
                                      wire::CreateTexts(b, b.CreateVector(all)).Union());
       return list(b, Values((size - b.GetSize() - 200) / 4, texts));
     }},
    {"errors with five parts",
     [](FlatBufferBuilder& b, size_t size) {
       b.DedupVtables(false);
       auto text = b.CreateString("");
       Values all = fill(b, size, 4, [&] {
         return wire::CreateValue(
             b, wire::Any::Failure,
             wire::CreateFailure(b, text, text, text, 1, text, null(b)).Union());
       });
       shuffle(all);
       return list(b, all);
     }},
    {"dicts of dicts",
     [](FlatBufferBuilder& b, size_t size) {
       b.DedupVtables(false);
       Values all = fill(b, size, 4, [&] {
         Offset<wire::Value> value = null(b);
         for (int i = 0; i < 60; ++i) {
           value =
               wire::CreateValue(b, wire::Any::Dict, wire::CreateDict(b, value, null(b)).Union());
         }
         return value;
       });
       shuffle(all);
       return list(b, all);
     }},
};

int64_t cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

TEST(VerifyWork, AByteCostsTenNanosecondsAtMost) {
  for (size_t size : kSizes) {
    for (const Worst& worst : kWorst) {
      FlatBufferBuilder b(2 * size);
      wire::FinishValueBuffer(b, worst.root(b, size));
      ASSERT_LE(b.GetSize(), size) << worst.what;
      ASSERT_GT(b.GetSize(), size / 2) << worst.what;
      const Aligned message(b.GetBufferPointer(), b.GetSize());
      double least = std::numeric_limits<double>::infinity();
      bool ok = false;
      for (int i = 0; i < 3; ++i) {
        const int64_t begin = cpu_ns();
        ok = verify(message.bytes()).ok();
        const auto took = static_cast<double>(cpu_ns() - begin);
        least = std::min(least, took / static_cast<double>(b.GetSize()));
      }
      std::printf("%6u KiB, %s: %.2f ns/byte, %s\n", b.GetSize() >> 10, worst.what, least,
                  ok ? "taken" : "refused");
      std::fflush(stdout);
      if (size <= worst.bounded) {
        EXPECT_LE(least, kMostNs) << worst.what;
      }
    }
  }
}

}  // namespace
}  // namespace mp::internal
