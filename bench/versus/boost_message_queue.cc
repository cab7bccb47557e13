#include "bench/versus/versus.h"

#if __has_include(<boost/interprocess/ipc/message_queue.hpp>)

#include <dirent.h>
#include <signal.h>
#include <unistd.h>

#include <boost/interprocess/ipc/message_queue.hpp>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include "bench/versus/parties.h"

namespace bench {
namespace {

namespace ipc = boost::interprocess;

constexpr char kPrefix[] = "mp_bench_boost_";

// A queue has its name only while it is being made: the second process inherits the mapping. Names
// of processes that were killed in that moment are removed by the next run.
void remove_names_of_the_dead() {
  DIR* shm = opendir("/dev/shm");
  if (shm == nullptr) return;
  while (const dirent* d = readdir(shm)) {
    if (std::strncmp(d->d_name, kPrefix, sizeof kPrefix - 1) != 0) continue;
    const long pid = std::strtol(d->d_name + sizeof kPrefix - 1, nullptr, 10);
    if (pid > 0 && kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH) {
      ipc::message_queue::remove(d->d_name);
    }
  }
  closedir(shm);
}

double queue(int64_t n) {
  remove_names_of_the_dead();
  const std::string name = kPrefix + std::to_string(getpid());
  ipc::message_queue::remove(name.c_str());
  ipc::message_queue q(ipc::create_only, name.c_str(), 1000, kMessageBytes);
  ipc::message_queue::remove(name.c_str());
  return with_process(
      [&] {
        char message[kMessageBytes];
        std::memset(message, '0', sizeof message);
        for (int64_t i = 0; i < n; ++i) q.send(message, sizeof message, 0);
      },
      [&] {
        char got[kMessageBytes];
        ipc::message_queue::size_type size = 0;
        unsigned priority = 0;
        for (int64_t i = 0; i < n; ++i) q.receive(got, sizeof got, size, priority);
        if (size != sizeof got) throw std::runtime_error("a message was cut");
      });
}

}  // namespace

Body boost_message_queue() { return self_timed<queue>(); }

}  // namespace bench

#else

namespace bench {

Body boost_message_queue() { return {nullptr, "libboost-dev is not installed"}; }

}  // namespace bench

#endif
