// mp/internal/pool/thread_core.h
//
// ThreadPoolCore: the workers of mp::ThreadPool, threads that take calls off one list, and the thread where callbacks run.
//
// Locks   mutex_ and called_mutex_, never both; then a job's.

#ifndef MP_INTERNAL_POOL_THREAD_CORE_H_
#define MP_INTERNAL_POOL_THREAD_CORE_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/pool/call_queue.h"
#include "mp/internal/pool/job.h"
#include "mp/internal/pool/thread_crew.h"

namespace mp::internal {

struct ThreadPlan {
  int processes = 0;
  std::function<void()> initializer;
  uint64_t tasks_per_child = 0;
};

class ThreadPoolCore final : public ThreadCrew,
                             public std::enable_shared_from_this<ThreadPoolCore> {
 public:
  explicit ThreadPoolCore(ThreadPlan plan);
  ~ThreadPoolCore() override;
  void start();

  void submit(const std::shared_ptr<Job>& job, uint64_t part,
              std::function<void(MayPut)> run) override;
  bool wait(Job& job, absl::FunctionRef<bool()> until, Deadline deadline) override;
  void close() override;
  // Also waits for the calls that run, since a thread cannot be killed.
  void terminate() override;
  void resize(int processes) override;

 private:
  struct Task {
    std::shared_ptr<Job> job;
    uint64_t part;
    std::function<void(MayPut)> run;
  };
  // A part that a worker is at. Whoever claims it says what comes of it.
  struct Run {
    const Task* task;
    bool claimed = false;
  };
  bool await_end(Deadline deadline) override;
  void give_back(Job& job, bool begun_too) override;
  bool call_later(const std::shared_ptr<Job>& job) override;
  void stream_ended() override { work_.notify_all(); }

  void worker();
  void add_workers();
  void serve_term(std::unique_lock<std::mutex>& hold);
  bool end(Deadline deadline);
  bool claim(Run& run);
  void serve(Task task);
  void done(Task task, const std::exception_ptr& error);
  bool is_own_thread() const;
  void callbacks();

  const ThreadPlan plan_;

  // With mutex_.
  std::condition_variable work_;
  std::condition_variable gone_;
  std::deque<Task> tasks_;
  std::vector<Run*> runs_;
  int living_ = 0;
  int failed_starts_ = 0;
  // They hold the crew.
  std::vector<std::thread> threads_;  // joined by join()
  std::vector<std::thread> ended_;    // joined by the next one that ends, or by join()

  std::mutex called_mutex_;
  std::condition_variable called_bell_;
  CallQueue calls_;
  bool stop_calling_ = false;
  std::thread caller_;         // with mutex_
  std::thread::id caller_id_;  // once start() has returned
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_THREAD_CORE_H_
