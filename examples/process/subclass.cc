// "Subclassing Process": the Worker of the reference, which says hello through a queue.

#include <iostream>
#include <string>
#include <tuple>

#include "mp/mp.h"

class Worker : public mp::ProcessOf<Worker> {
 public:
  explicit Worker(mp::Queue<std::string> q) : q_(q) {}
  void run() override { q_.put("local hello from " + name()); }
  auto fields() { return std::tie(q_); }

 private:
  mp::Queue<std::string> q_;
};

int main(int argc, char** argv) {
  mp::freeze_support(argc, argv);
  mp::Queue<std::string> queue;
  Worker w(queue);
  w.start();
  std::cout << queue.get() << '\n';
  w.join();
}
