#include "mp/internal/core/caller_name.h"

#include <pthread.h>
#include <unistd.h>

namespace mp::internal {

constinit NameFunction g_process_name = [] { return std::string("MainProcess"); };

std::string caller_name() {
  std::string name = g_process_name();
  if (gettid() != getpid()) {
    char thread[16] = "";
    pthread_getname_np(pthread_self(), thread, sizeof thread);
    name += '|';
    name += thread;
  }
  return name;
}

}  // namespace mp::internal
