// What encoding and decoding cost. The content's copy alone is measured beside the fast path.

#include <cstddef>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "mp/codec.h"
#include "mp/function.h"
#include "mp/internal/frame/call.h"
#include "mp/internal/frame/verify.h"
#include "mp/object.h"

namespace mp::internal {
namespace {

struct Order {
  int64_t id = 7;
  std::string customer = "Ada Lovelace";
  double price = 12.5;
  int count = 3;
  bool paid = true;
};

std::vector<uint64_t> aligned_copy(std::span<const std::byte> message) {
  std::vector<uint64_t> words(message.size() / 8 + 2);
  std::memcpy(words.data(), message.data(), message.size());
  return words;
}

void copy_alone(benchmark::State& state) {
  std::string from(static_cast<size_t>(state.range(0)), 'x');
  alignas(64) static char to[1 << 16];
  for (auto _ : state) {
    std::memcpy(to, from.data(), from.size());
    benchmark::DoNotOptimize(to[0]);
    benchmark::ClobberMemory();
  }
}
BENCHMARK(copy_alone)->Arg(16)->Arg(256)->Arg(4096);

void fast_write_string(benchmark::State& state) {
  std::string value(static_cast<size_t>(state.range(0)), 'x');
  alignas(64) static std::byte out[1 << 16];
  for (auto _ : state) {
    benchmark::DoNotOptimize(value.data());
    benchmark::DoNotOptimize(fast_size(value));
    fast_write(value, out);
    benchmark::ClobberMemory();
  }
}
BENCHMARK(fast_write_string)->Arg(16)->Arg(256)->Arg(4096);

void fast_read_string(benchmark::State& state) {
  std::string value(static_cast<size_t>(state.range(0)), 'x');
  alignas(64) static std::byte out[1 << 16];
  fast_write(value, out);
  size_t size = fast_size(value);
  for (auto _ : state) {
    benchmark::ClobberMemory();
    std::string got = decode_message<std::string>({out, size});
    benchmark::DoNotOptimize(got.data());
  }
}
BENCHMARK(fast_read_string)->Arg(16)->Arg(256)->Arg(4096);

void construct_string_alone(benchmark::State& state) {
  std::string value(static_cast<size_t>(state.range(0)), 'x');
  for (auto _ : state) {
    benchmark::ClobberMemory();
    std::string got(value.data(), value.size());
    benchmark::DoNotOptimize(got.data());
  }
}
BENCHMARK(construct_string_alone)->Arg(16)->Arg(256)->Arg(4096);

void fast_read_into_string(benchmark::State& state) {
  std::string value(static_cast<size_t>(state.range(0)), 'x');
  alignas(64) static std::byte out[1 << 16];
  fast_write(value, out);
  size_t size = fast_size(value);
  std::string got;
  for (auto _ : state) {
    benchmark::ClobberMemory();
    decode_message_into(got, {out, size});
    benchmark::DoNotOptimize(got.data());
  }
}
BENCHMARK(fast_read_into_string)->Arg(16)->Arg(256)->Arg(4096);

template <class T>
void encode(benchmark::State& state, const T& value) {
  Encoder& encoder = Encoder::local();
  for (auto _ : state) {
    encode_message(encoder, value);
    benchmark::DoNotOptimize(encoder.message().data());
  }
  state.counters["bytes"] = static_cast<double>(encoder.message().size());
}

template <class T>
void decode(benchmark::State& state, const T& value) {
  Encoder& encoder = Encoder::local();
  encode_message(encoder, value);
  std::vector<uint64_t> copy = aligned_copy(encoder.message());
  std::span<const std::byte> message(reinterpret_cast<const std::byte*>(copy.data()),
                                     encoder.message().size());
  for (auto _ : state) {
    T got = decode_message<T>(message);
    benchmark::DoNotOptimize(&got);
  }
}

template <class T>
void both(const char* name, const T& value) {
  benchmark::RegisterBenchmark((std::string("encode/") + name).c_str(),
                               [value](benchmark::State& state) { encode(state, value); });
  benchmark::RegisterBenchmark((std::string("decode/") + name).c_str(),
                               [value](benchmark::State& state) { decode(state, value); });
}

void verify_list(benchmark::State& state) {
  Object list = mp::list();
  for (int i = 0; i < 1000; ++i) {
    list.append(mp::tuple({i, "item"}));
  }
  Encoder encoder;
  encode_message(encoder, list);
  void* copy = std::aligned_alloc(16, (encoder.message().size() + 15) & ~size_t{15});
  std::memcpy(copy, encoder.message().data(), encoder.message().size());
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        verify({static_cast<const std::byte*>(copy), encoder.message().size()}));
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * encoder.message().size()));
  std::free(copy);
}
BENCHMARK(verify_list);

int add(int a, int b) { return a + b; }

template <class F>
void call(benchmark::State& state, const F& f) {
  Encoder encoder;
  for (auto _ : state) {
    encode_call(encoder, f, 1, 2);
    run_call(Reader::open(encoder.message()));
  }
}

const bool kRegistered = [] {
  both("int", 42);
  both("string_256", std::string(256, 'x'));
  both("vector_double_32", std::vector<double>(32, 1.5));
  both("struct_of_5", Order{});
  both("vector_of_100_structs", std::vector<Order>(100));
  both("map_of_10", [] {
    std::map<std::string, int> m;
    for (int i = 0; i < 10; ++i) {
      m["key" + std::to_string(i)] = i;
    }
    return m;
  }());
  both("object_list_of_3", Object{42, None, "hello"});
  benchmark::RegisterBenchmark("call/pointer", [](benchmark::State& state) { call(state, &add); });
  benchmark::RegisterBenchmark("call/fn",
                               [](benchmark::State& state) { call(state, mp::fn<&add>); });
  return true;
}();

}  // namespace
}  // namespace mp::internal
