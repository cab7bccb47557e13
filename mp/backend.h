// mp/backend.h
//
// Processes and Threads: the two ways to run code that is a template over its backend.
//
//   template <class B>
//   int total(int n) {
//     typename B::template Queue<int> q;
//     typename B::Process p(produce<B>, q, n);
//     p.start();
//     int sum = 0;
//     for (int i : q) sum += i;          // until produce() calls q.shutdown()
//     p.join();
//     return sum;
//   }
//   total<mp::Processes>(10);  total<mp::Threads>(10);
//
// Python    As code that gets multiprocessing or multiprocessing.dummy as an argument.

#ifndef MP_BACKEND_H_
#define MP_BACKEND_H_

#include <utility>

#include "mp/condition.h"
#include "mp/dummy.h"
#include "mp/lock.h"
#include "mp/pipe.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/rlock.h"

namespace mp {

struct Processes {
  using Process = mp::Process;
  using Lock = mp::Lock;
  using RLock = mp::RLock;
  using Condition = mp::Condition;
  template <class T = Object>
  using Queue = mp::Queue<T>;
  using Connection = mp::Connection;
  static std::pair<Connection, Connection> Pipe(bool duplex = true) { return mp::Pipe(duplex); }
};

struct Threads {
  using Process = dummy::Process;
  using Lock = dummy::Lock;
  using RLock = dummy::RLock;
  using Condition = dummy::Condition;
  template <class T = Object>
  using Queue = dummy::Queue<T>;
  using Connection = dummy::Connection;
  static std::pair<Connection, Connection> Pipe(bool duplex = true) { return dummy::Pipe(duplex); }
};

}  // namespace mp

#endif  // MP_BACKEND_H_
