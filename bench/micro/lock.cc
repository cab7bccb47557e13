#include "mp/dummy/lock.h"

#include "bench/bystander.h"
#include "bench/micro/micro.h"
#include "mp/dummy/rlock.h"
#include "mp/dummy/semaphore.h"
#include "mp/lock.h"
#include "mp/rlock.h"
#include "mp/semaphore.h"

namespace bench {
namespace {

template <class Lock>
void acquire_and_release(benchmark::State& state) {
  Lock lock;
  time_each(state, [&] {
    lock.acquire();
    lock.release();
  });
}

// What a program between threads pays: one that has a second thread.
template <class Lock>
void acquire_and_release_among_threads(benchmark::State& state) {
  Bystander bystander;
  acquire_and_release<Lock>(state);
}

}  // namespace

Body lock_processes() { return {acquire_and_release<mp::Lock>}; }

Body lock_threads() { return {acquire_and_release_among_threads<mp::dummy::Lock>}; }

Body rlock_processes() { return {acquire_and_release<mp::RLock>}; }

Body rlock_threads() { return {acquire_and_release_among_threads<mp::dummy::RLock>}; }

Body semaphore_processes() { return {acquire_and_release<mp::Semaphore>}; }

Body semaphore_threads() { return {acquire_and_release_among_threads<mp::dummy::Semaphore>}; }

}  // namespace bench
