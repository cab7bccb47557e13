// mp/internal/pool/pool_core.h
//
// PoolCore: what mp::Pool is without the types of its functions. It owns the workers and every hand-over: which task which
// worker has is in its ledger, and changes by its doing alone, but for one step, the worker's "I have begun" (ledger_word.h).
//
// Threads    Who waits for a result reads the workers' results meanwhile, for everybody ("leads"): one thread at a time, so a
//            caller that waits for its own task is woken by the worker itself. The collector does it when nobody waits and
//            something must go on: tasks wait for a worker, or a callback for its result. Callbacks run in the collector
//            only; one that waits for a result makes those meanwhile that others are ready for. The keeper starts workers,
//            notices their ends and replaces them, and keeps times.
// Locks      reading_ -> lead_mutex_ -> a job's; reading_ -> mutex_ -> a job's, a ring's.
// Death      A worker: what it had published counts; what it had not begun goes to others; what it had begun is tried again
//            or fails, as the task wants. The owner: its workers are killed (life.h).

#ifndef MP_INTERNAL_POOL_POOL_CORE_H_
#define MP_INTERNAL_POOL_POOL_CORE_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "mp/context.h"
#include "mp/function.h"
#include "mp/internal/base/unique_fd.h"
#include "mp/internal/core/ref.h"
#include "mp/internal/pool/call_queue.h"
#include "mp/internal/pool/desk.h"
#include "mp/internal/pool/job.h"
#include "mp/internal/pool/linked_list.h"
#include "mp/internal/pool/pool_task.h"
#include "mp/internal/pool/process_crew.h"
#include "mp/internal/pool/worker.h"
#include "mp/process.h"

namespace mp::internal {

struct PoolPlan {
  int processes = 0;
  Context context;
  Function<void()> initializer;
  uint64_t tasks_per_child = 0;  // 0: no end
  std::vector<ResourceLimit> limits;
  uint64_t memory_per_child = 0;  // bytes; 0: no end
  bool drain_on_interrupt = false;
  bool log_here = false;
};

class PoolCore final : public ProcessCrew, public std::enable_shared_from_this<PoolCore> {
 public:
  explicit PoolCore(PoolPlan plan);
  ~PoolCore() override;
  // Throws mp::ValueError for more workers than a pool may have.
  static void check_size(int processes);
  // Starts the workers, then the threads. Nothing is left when it throws.
  void start();

  void submit(const std::shared_ptr<Job>& job, uint64_t part, std::unique_ptr<PoolTask> task,
              bool waits) override;
  void submit_some(const std::shared_ptr<Job>& job, uint64_t part,
                   std::span<std::unique_ptr<PoolTask>> tasks) override;

  bool wait(Job& job, absl::FunctionRef<bool()> until, Deadline deadline) override;
  void expect_call(Job& job) override;
  void finished(Job& job) override;
  void wake() override;

  void close() override;
  void terminate() override;
  void resize(int processes) override;
  // Of the workers that are there.
  std::vector<Process> workers() const;

 private:
  using Task = PoolTask;
  struct Seat;
  struct Verdict;

  // Tasks that no worker has, nor will have, and why. Filled with mutex_, which needs no memory; ended by fail(), without it: at
  // the latest when this goes, as something was thrown meanwhile.
  class Failed {
   public:
    explicit Failed(PoolCore& core) noexcept : core_(core) {}
    ~Failed() { core_.fail(this); }
    Failed(const Failed&) = delete;
    Failed& operator=(const Failed&) = delete;
    void add(std::unique_ptr<Task> task, const std::exception_ptr& error) noexcept;
    std::unique_ptr<Task> take() noexcept;

   private:
    PoolCore& core_;
    LinkedList<Task, &Task::waiting> tasks_;
  };

  bool await_end(Deadline deadline) override;
  bool call_later(const std::shared_ptr<Job>& job) override;
  void stream_ended() override { wake_keeper(); }
  void give_back(Job& job, bool begun_too) override;

  // With mutex_.
  bool count(Job& job);
  Seat* best_seat();
  bool has_room(Seat& seat);
  bool has_idle();
  bool fits(const Seat& seat) const;
  size_t hand_over(Seat& seat, std::span<Task* const> tasks, absl::Status* status);
  void put_last(Task* task);
  void put_first(Task* task);
  std::unique_ptr<Task> take_waiting(Task* task);
  std::unique_ptr<Task> end_task(Seat& seat, uint32_t slot);
  std::unique_ptr<Task> take_back(Seat& seat, uint32_t slot);
  bool take_back_some(Seat& seat, uint32_t most);
  void put_back(Seat& seat, uint32_t slot);
  void feed(Failed* failed);
  void level(Failed* failed);
  void unstick(bool late_too);
  bool watch(Failed* failed);
  void weigh_need();
  void forget(const Task& task);
  void doom(Seat& seat, uint64_t ticket, const std::exception_ptr& error);
  void dismiss(Seat& seat);
  bool leaves_refused() const;
  int64_t end_workers();
  void check_times();

  // With reading_.
  size_t collect();
  size_t drain(Seat& seat);
  void drain_dead(Seat& seat);
  size_t read_some(Seat& seat);

  void fail(Failed* failed);
  void fail_pending(const std::exception_ptr& error, Failed* failed);
  void fail_all(const std::exception_ptr& error, std::unique_lock<std::mutex> hold);
  std::unique_lock<std::mutex> lock_to_end();
  void kill_all() noexcept;
  bool is_own_thread() const noexcept;
  void break_pool(const std::exception_ptr& error);

  void lead(absl::FunctionRef<bool()> until, Deadline deadline);
  void stop_leading(bool comes_back);
  void pass_lead(bool comes_back);
  bool needed() const noexcept;
  bool needed_at_once() const noexcept;
  void collector();
  void make_call(std::unique_lock<std::mutex>& hold);
  void wake_collector();

  std::unique_ptr<Seat> make_seat(uint32_t number);
  void set_pidfd(uint32_t number, int fd);
  void keeper();
  void wake_keeper() noexcept;
  bool keep(int* nap_ms);
  void bury_ended();
  void weigh();
  void interrupted();
  void fill();
  void bury(Seat& seat);

  const PoolPlan plan_;
  const StartMethod method_;
  Ref board_;
  UniqueFd keeper_bell_;

  // With mutex_.
  std::vector<std::unique_ptr<Seat>> seats_;  // by number; null: empty. Emptied with reading_ too
  LinkedList<Task, &Task::waiting> pending_;
  uint64_t tasks_ = 0;  // submitted and without a result
  uint64_t last_ticket_ = 0;
  size_t next_seat_ = 0;
  int failed_starts_ = 0;  // in a row: ended, killed, or not even made
  int killed_starts_ = 0;
  int refused_starts_ = 0;
  int64_t next_start_ = 0;  // not before then
  int64_t kill_at_ = 0;     // after terminate()
  uint64_t timed_ = 0;      // tasks with a time limit
  bool watched_ = false;    // the keeper looks after tasks that are not begun
  int64_t next_watch_ = 0;
  std::atomic<size_t> most_seats_{0};
  // For a look without the lock.
  std::atomic<uint64_t> pending_count_{0};  // of pending_
  std::atomic<bool> weak_need_{false};      // somebody should see to it that no worker is idle
  std::atomic<bool> clogged_{false};  // a worker gets nothing until it has read what it was sent
  std::atomic<bool> closing_{false};
  std::atomic<bool> terminating_{false};  // from before terminate() may kill
  std::atomic<uint64_t> callback_jobs_{0};

  // For who must not wait for mutex_: the pidfds of the workers by their numbers, -1: none. The innermost.
  std::mutex pidfds_mutex_;
  std::vector<int> pidfds_;

  std::mutex reading_;

  std::mutex lead_mutex_;
  std::condition_variable collector_bell_;
  bool led_ = false;
  bool collector_leads_ = false;
  uint64_t leads_ = 0;
  std::vector<Job*> followers_;
  CallQueue calls_;  // the collector's
  bool stop_collector_ = false;
  std::atomic<bool> collector_rests_{false};
  std::atomic<bool> stop_leading_{false};
  std::atomic<bool> follower_waits_{false};  // the collector is to leave the lead to it

  std::atomic<bool> keeping_{false};
  int64_t next_weighing_ = 0;  // the keeper's

  std::mutex end_mutex_;
  std::condition_variable ended_bell_;
  bool ended_ = false;

  // They hold the core.
  std::thread collector_;
  std::thread::id collector_id_, keeper_id_;  // once start() has returned
  std::thread keeper_;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_POOL_CORE_H_
