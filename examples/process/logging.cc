// "Logging" of the reference: what the library says of processes.

#include "mp/mp.h"

void work() { mp::get_logger().warning("doomed"); }

int main(int argc, char** argv) {
  mp::freeze_support(argc, argv);
  mp::log_to_stderr(mp::logging::kInfo);
  mp::get_logger().warning("doomed");
  mp::Process p(work);
  p.start();
  p.join();
}
