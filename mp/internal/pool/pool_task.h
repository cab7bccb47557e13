// mp/internal/pool/pool_task.h
//
// PoolTask: what a PoolCore keeps of a task, in one block of memory: there may be millions. Its message as bytes, for as long as
// it may have to be handed over again, stands behind it.

#ifndef MP_INTERNAL_POOL_POOL_TASK_H_
#define MP_INTERNAL_POOL_POOL_TASK_H_

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>

#include "mp/internal/core/received.h"
#include "mp/internal/frame/encoder.h"
#include "mp/internal/pool/linked_list.h"

namespace mp::internal {

class Job;

class PoolTask {
 public:
  // Takes the message out of `encoder`, and holds what that names.
  static std::unique_ptr<PoolTask> make(const Encoder& encoder);
  ~PoolTask();
  PoolTask(const PoolTask&) = delete;
  PoolTask& operator=(const PoolTask&) = delete;

  Encoded encoded() const noexcept;
  size_t size() const noexcept { return size_; }  // of the message

  static constexpr uint16_t kNobody = 0xffff;

  // The pool's, with its mutex.
  uint64_t ticket = 0;
  std::shared_ptr<Job> job;
  uint64_t part = 0;
  Links<PoolTask> waiting;  // for a worker; or, of one that failed, to be told
  Links<PoolTask> of_job;
  int attempt = 1;
  uint16_t worker = kNobody;  // who has it
  uint16_t slot = 0;          // there
  std::exception_ptr error;   // of one that failed

  static void operator delete(void* at) { ::operator delete(at); }

 private:
  struct Carried;
  struct Room {
    size_t bytes;  // of the message
  };
  static void* operator new(size_t size, Room room) { return ::operator new(size + room.bytes); }
  static void operator delete(void* at, Room) { ::operator delete(at); }

  explicit PoolTask(const Encoder& encoder);

  const size_t size_;
  std::unique_ptr<Carried> carried_;  // null: nothing
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_POOL_TASK_H_
