// mp/internal/pool/thread_core.h
//
// ThreadCrew: the workers of mp::ThreadPool, threads that take calls off one list, and the thread where callbacks run.
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
#include "mp/internal/pool/job.h"

namespace mp::internal {

struct ThreadPlan {
  int processes = 0;
  std::function<void()> initializer;
  uint64_t tasks_per_child = 0;
};

// Asked before the result of a part is put in its place: false when the part has failed meanwhile.
using MayPut = absl::FunctionRef<bool()>;

class ThreadCrew final : public Crew, public std::enable_shared_from_this<ThreadCrew> {
 public:
  enum class State { kRun, kClose, kTerminate };

  explicit ThreadCrew(ThreadPlan plan);
  ~ThreadCrew() override;
  void start();

  // `run` does part `part` of `job`, in a worker, and puts the result in its place if it may; what it throws fails the part.
  void submit(const std::shared_ptr<Job>& job, uint64_t part, std::function<void(MayPut)> run);

  // Throws what submit() would.
  void check_submit() const;
  // As PoolCore's.
  void open_stream();
  void end_stream();

  bool wait(Job& job, absl::FunctionRef<bool()> until, Deadline deadline) override;
  // A call that runs goes on, and what it returns is not used.
  void cancel(Job& job) override;
  // Nobody wants what `job` has not begun.
  void drop(Job& job);

  // The parts from `from` to before `to` of a job of which others were submitted will not be: they fail.
  void give_up(const std::shared_ptr<Job>& job, uint64_t from, uint64_t to,
               const std::exception_ptr& error);
  // A job of no parts is done.
  void finish_empty(const std::shared_ptr<Job>& job) { settle(job, true); }

  void close();
  // Also waits for the calls that run, since a thread cannot be killed; but not in one of its own threads.
  void terminate();
  // Throws mp::RuntimeError in one of its own threads.
  bool join(Deadline deadline);

  void resize(int processes);
  int size() const;
  State state() const;

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
  void check_running() const;
  void worker();
  void add_workers();
  void serve_term(std::unique_lock<std::mutex>& hold);
  bool end(Deadline deadline);
  bool claim(Run& run);
  void give_back(Job& job, bool begun_too);
  void serve(Task task);
  void done(Task task, const std::exception_ptr& error);
  void settle(std::shared_ptr<Job> job, bool complete);
  bool is_own_thread() const;
  void callbacks();
  void serve_called(std::unique_lock<std::mutex>& hold);

  const ThreadPlan plan_;

  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable gone_;
  std::deque<Task> tasks_;
  std::vector<Run*> runs_;
  uint64_t streams_ = 0;  // open
  State state_ = State::kRun;
  int wanted_;
  int living_ = 0;
  int failed_starts_ = 0;
  std::exception_ptr broken_;
  // They hold the crew.
  std::vector<std::thread> threads_;  // joined by join()
  std::vector<std::thread> ended_;    // joined by the next one that ends, or by join()

  std::mutex called_mutex_;
  std::condition_variable called_bell_;
  std::deque<std::shared_ptr<Job>> called_;  // callbacks to make
  Job* caller_waits_ = nullptr;              // a callback waits for it
  int nested_waits_ = 0;                     // in caller_
  bool stop_calling_ = false;
  bool calling_ended_ = false;  // who has a callback makes it
  std::thread caller_;          // with mutex_
  std::thread::id caller_id_;   // once start() has returned
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_THREAD_CORE_H_
