#include <cstdint>
#include <string>

#include "bench/micro/micro.h"
#include "bench/micro/party.h"
#include "mp/backend.h"

namespace bench {
namespace {

template <class B>
void send_each(typename B::Connection end, typename B::Condition ready, int64_t n) {
  const std::string message(kMessageBytes, '0');
  report(ready);
  for (int64_t i = 0; i < n; ++i) end.send(message);
}

template <class B>
double pipe(int64_t n) {
  const auto ends = B::Pipe();
  typename B::Condition ready;
  return with_party(make_party<B>(&send_each<B>, ends.second, ready, n), ready, [&] {
    for (int64_t i = 0; i < n; ++i) {
      std::string got = ends.first.template recv<std::string>();
      benchmark::DoNotOptimize(got.data());
    }
  });
}

}  // namespace

Body pipe_processes() { return self_timed<pipe<mp::Processes>>(); }

Body pipe_threads() { return self_timed<pipe<mp::Threads>>(); }

}  // namespace bench
