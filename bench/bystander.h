// bench/bystander.h
//
// Bystander: a second thread that lives, and sleeps, as long as this object. The standard library's
// locks take shortcuts in a program that never had one, and a program between threads is not such a
// program.

#ifndef MP_BENCH_BYSTANDER_H_
#define MP_BENCH_BYSTANDER_H_

#include <condition_variable>
#include <mutex>
#include <thread>

namespace bench {

class Bystander {
 public:
  Bystander() : thread_([this] { sleep(); }) {}
  ~Bystander() {
    {
      std::lock_guard<std::mutex> hold(mutex_);
      leave_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  Bystander(const Bystander&) = delete;
  Bystander& operator=(const Bystander&) = delete;

 private:
  void sleep() {
    std::unique_lock<std::mutex> hold(mutex_);
    wake_.wait(hold, [this] { return leave_; });
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  bool leave_ = false;
  std::thread thread_;
};

}  // namespace bench

#endif  // MP_BENCH_BYSTANDER_H_
