// mp/internal/pool/crew.h
//
// Crew: what runs jobs, the workers of a Pool or a ThreadPool, as their typed shells see it.
//
// Locks   mutex_ guards what every crew has. Its own sources say what else does what.

#ifndef MP_INTERNAL_POOL_CREW_H_
#define MP_INTERNAL_POOL_CREW_H_

#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "mp/internal/os/clock.h"
#include "mp/timeout.h"

namespace mp::internal {

class Job;

// An imap: its input, which is read as its results are taken.
class Stream {
 public:
  virtual ~Stream() = default;
  // Reads what there is, and submits it, as far as that goes before `deadline`; something at least.
  virtual void read_all(Deadline deadline) = 0;
};

class Crew {
 public:
  enum class State { kRun, kClose, kTerminate };

  explicit Crew(int wanted);
  virtual ~Crew() = default;
  // Whether this process made it. In one that was forked from that, it is a copy whose locks and threads are another
  // process's: nothing of it may be touched.
  bool is_ours() const noexcept;
  // Throws mp::AssertionError if not. Before any lock.
  void check_ours() const;

  // -- Jobs --

  // Throws what a submit would: mp::ValueError when the pool takes none, the initializers' error when it is broken.
  void check_submit() const;
  // Waits until `until()`, which looks at `job` and changes only when it does; false when `deadline` passed first.
  virtual bool wait(Job& job, absl::FunctionRef<bool()> until, Deadline deadline) = 0;
  // Gives up what of `job` has no result yet: those parts fail with a CancelledError. A part that runs is stopped
  // where that is possible; else it goes on, and what it returns is not used.
  void cancel(Job& job);
  // Nobody wants what `job` has not begun.
  void drop(Job& job) { give_back(job, false); }
  // The parts from `from` to before `to` of a job of which others were submitted will not be: they fail.
  void give_up(const std::shared_ptr<Job>& job, uint64_t from, uint64_t to,
               const std::exception_ptr& error);
  // A job of no parts is done.
  void finish_empty(const std::shared_ptr<Job>& job) { settle(job, true); }
  // Something is to be called when `job`, which may be done already, is; and: it is done.
  virtual void expect_call(Job&) { check_ours(); }
  virtual void finished(Job&) {}
  // A job that somebody may wait for here was finished elsewhere.
  virtual void wake() {}

  // -- Streams --

  // Throws what a submit would. A stream that was opened before close() goes on submitting, and workers stay until it is ended.
  void open_stream();
  void end_stream();
  void keep_stream(std::weak_ptr<Stream> stream);

  // -- Workers --

  virtual void close() = 0;
  // Waits for the end of workers and threads, but not in one of the crew's own.
  virtual void terminate() = 0;
  // After close() or terminate(): reads the streams, since who joins may be who would read them, and waits until all workers
  // and threads have ended; false when `timeout` ran out first. Throws mp::ValueError before, mp::RuntimeError in a callback.
  bool join(Timeout timeout);
  // From 1 on.
  virtual void resize(int processes) = 0;
  int size() const;
  State state() const;

 protected:
  virtual bool await_end(Deadline deadline) = 0;
  virtual void give_back(Job& job, bool begun_too) = 0;
  // Where callbacks run, those of `job` are to be made; false: nowhere any more.
  virtual bool call_later(const std::shared_ptr<Job>& job) = 0;
  virtual void stream_ended() = 0;
  // After a part of `job`, `complete` if that was the last one.
  void settle(const std::shared_ptr<Job>& job, bool complete);
  // With mutex_.
  void check_running() const;

  mutable std::mutex mutex_;
  State state_ = State::kRun;
  bool draining_ = false;  // what has not begun is not begun any more
  std::exception_ptr broken_;
  int wanted_;            // workers
  uint64_t streams_ = 0;  // open

 private:
  std::mutex kept_mutex_;
  std::vector<std::weak_ptr<Stream>> kept_;
  const uint64_t process_;
  const int pid_;
};

// "<multiprocessing.pool.Pool state=RUN pool_size=2>", of a pool of class `name`.
std::string repr_of(const Crew& crew, const char* name);

// Ends the pool whose crew it is, if it has one. A copy in a forked child stays as it is.
void end_crew(std::shared_ptr<Crew> crew);

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_CREW_H_
