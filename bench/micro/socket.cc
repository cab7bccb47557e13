#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bench/micro/micro.h"
#include "bench/micro/party.h"
#include "bench/placement.h"
#include "mp/backend.h"
#include "mp/client.h"
#include "mp/connection.h"
#include "mp/listener.h"

namespace bench {
namespace {

using Ready = mp::Processes::Condition;

std::pair<mp::Connection, mp::Connection> connect(const char* family, bool authenticated) {
  std::optional<std::string> key;
  if (authenticated) key = "what both parties know";
  mp::Listener listener({.authkey = key, .family = family});
  std::optional<mp::Connection> client;
  // Each waits for the other's proof. The thread has ended before a process is started.
  std::thread thread([&] { client = mp::Client(listener.address(), {.authkey = key}); });
  mp::Connection server = listener.accept();
  thread.join();
  return {server, *client};
}

// Each on a processor of its own, as in all columns of these rows: beside each other they take turns.
void send_bytes_each(mp::Connection end, Ready ready, int64_t size, int64_t n) {
  OnProcessor there(1);
  const std::string message(static_cast<size_t>(size), '0');
  report(ready);
  for (int64_t i = 0; i < n; ++i) end.send_bytes(message);
}

template <int64_t kSize, bool kAuthenticated>
double tcp(int64_t n) {
  const auto [end, other] = connect("AF_INET", kAuthenticated);
  Ready ready;
  std::vector<std::byte> buffer(kSize);
  return with_party(make_party<mp::Processes>(&send_bytes_each, other, ready, kSize, n), ready,
                    [&, &end = end] {
                      OnProcessor here(0);
                      for (int64_t i = 0; i < n; ++i) end.recv_bytes_into(buffer);
                      benchmark::DoNotOptimize(buffer.data());
                    });
}

// Both on one processor, as in pipe_round_trip.
void echo_bytes(mp::Connection end, Ready ready, int64_t n) {
  OnProcessor here(0);
  std::vector<std::byte> buffer(kMessageBytes);
  report(ready);
  for (int64_t i = 0; i < n; ++i) {
    end.recv_bytes_into(buffer);
    end.send_bytes(buffer);
  }
}

double unix_round_trip(int64_t n) {
  const auto [end, other] = connect("AF_UNIX", false);
  Ready ready;
  std::vector<std::byte> buffer(kMessageBytes);
  return with_party(make_party<mp::Processes>(&echo_bytes, other, ready, n), ready,
                    [&, &end = end] {
                      OnProcessor here(0);
                      for (int64_t i = 0; i < n; ++i) {
                        end.send_bytes(buffer);
                        end.recv_bytes_into(buffer);
                      }
                    });
}

}  // namespace

Body tcp_64k() { return self_timed<tcp<int64_t{64} << 10, false>>(); }
Body tcp_64k_authenticated() { return self_timed<tcp<int64_t{64} << 10, true>>(); }
Body tcp_1m() { return self_timed<tcp<int64_t{1} << 20, false>>(); }
Body tcp_1m_authenticated() { return self_timed<tcp<int64_t{1} << 20, true>>(); }
Body unix_socket_round_trip() { return self_timed<unix_round_trip>(); }

}  // namespace bench
