#include "mp/array.h"

#include <numeric>
#include <vector>

#include "bench/bystander.h"
#include "bench/micro/micro.h"
#include "mp/dummy/array.h"
#include "mp/dummy/raw_array.h"
#include "mp/dummy/value.h"
#include "mp/raw_array.h"
#include "mp/value.h"

namespace bench {
namespace {

std::vector<int> numbers(int n) {
  std::vector<int> v(static_cast<size_t>(n));
  std::iota(v.begin(), v.end(), 0);
  return v;
}

template <class RawArray>
void read_element(benchmark::State& state) {
  RawArray sequence(numbers(10));
  benchmark::DoNotOptimize(sequence.data());
  time_each(state, [&] {
    benchmark::ClobberMemory();
    benchmark::DoNotOptimize(int{sequence[5]});
  });
}

template <class Array>
void read_locked_element(benchmark::State& state) {
  Array sequence(numbers(10));
  time_each(state, [&] { benchmark::DoNotOptimize(static_cast<int>(sequence[5])); });
}

template <class Value>
void read_locked_value(benchmark::State& state) {
  Value value(7);
  time_each(state, [&] { benchmark::DoNotOptimize(value.value()); });
}

template <class RawArray>
void add_up(benchmark::State& state) {
  RawArray sequence(numbers(kArrayLength));
  benchmark::DoNotOptimize(sequence.data());
  time_each(state, [&] {
    benchmark::ClobberMemory();
    int sum = 0;
    for (int v : sequence) {
      sum += v;
    }
    benchmark::DoNotOptimize(sum);
  });
}

// What a program between threads pays: one that has a second thread.
template <void (*run)(benchmark::State&)>
void among_threads(benchmark::State& state) {
  Bystander bystander;
  run(state);
}

}  // namespace

Body array_processes() { return {read_element<mp::RawArray<int>>}; }
Body array_threads() { return {among_threads<read_element<mp::dummy::RawArray<int>>>}; }

Body array_sum_processes() { return {add_up<mp::RawArray<int>>}; }
Body array_sum_threads() { return {among_threads<add_up<mp::dummy::RawArray<int>>>}; }

Body locked_array_processes() { return {read_locked_element<mp::Array<int>>}; }
Body locked_array_threads() { return {among_threads<read_locked_element<mp::dummy::Array<int>>>}; }

Body locked_value_processes() { return {read_locked_value<mp::Value<int>>}; }
Body locked_value_threads() { return {among_threads<read_locked_value<mp::dummy::Value<int>>>}; }

}  // namespace bench
