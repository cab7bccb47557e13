// mp/internal/pool/thread_core.h
//
// ThreadCrew: the workers of mp::ThreadPool, threads that take calls off one list.

#ifndef MP_INTERNAL_POOL_THREAD_CORE_H_
#define MP_INTERNAL_POOL_THREAD_CORE_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "mp/internal/pool/job.h"

namespace mp::internal {

struct ThreadPlan {
  int processes = 0;
  std::function<void()> initializer;
  uint64_t tasks_per_child = 0;
};

class ThreadCrew final : public Crew {
 public:
  enum class State { kRun, kClose, kTerminate };

  explicit ThreadCrew(ThreadPlan plan);
  ~ThreadCrew() override;
  void start();

  // `run` does part `part` of `job`, in a worker; what it throws fails the part.
  void submit(const std::shared_ptr<Job>& job, uint64_t part, std::function<void()> run);

  // Throws what submit() would.
  void check_submit() const;

  bool wait(Job& job, absl::FunctionRef<bool()> until, Deadline deadline) override;
  void cancel(Job& job) override;

  // The parts from `from` to before `to` of a job of which others were submitted will not be: they fail.
  void give_up(const std::shared_ptr<Job>& job, uint64_t from, uint64_t to,
               const std::exception_ptr& error);

  void close();
  // Also waits for the calls that run: a thread cannot be killed.
  void terminate();
  bool join(Deadline deadline);

  void resize(int processes);
  int size() const;
  State state() const;

 private:
  struct Task {
    std::shared_ptr<Job> job;
    uint64_t part;
    std::function<void()> run;
  };
  void check_running() const;
  void worker();
  void add_workers();
  void done(Task task, const std::exception_ptr& error);

  const ThreadPlan plan_;

  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable gone_;
  std::deque<Task> tasks_;
  State state_ = State::kRun;
  int wanted_;
  int living_ = 0;
  int failed_starts_ = 0;
  std::exception_ptr broken_;
  std::vector<std::thread> threads_;  // joined by join()
  std::vector<std::thread> ended_;    // joined by the next one that ends, or by join()
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_THREAD_CORE_H_
