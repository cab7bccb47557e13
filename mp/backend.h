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
// Handles   None: both are lists of types, and the header of each type says what it promises.
// Cost      None at run time; both backends are compiled.
// Crossing  An instance such as produce<mp::Processes> is a function like any other.
// Python    As code that gets multiprocessing or multiprocessing.dummy as an argument.

#ifndef MP_BACKEND_H_
#define MP_BACKEND_H_

#include <utility>

#include "mp/array.h"
#include "mp/barrier.h"
#include "mp/bounded_semaphore.h"
#include "mp/condition.h"
#include "mp/dummy.h"
#include "mp/event.h"
#include "mp/joinable_queue.h"
#include "mp/lease.h"
#include "mp/lock.h"
#include "mp/message_view.h"
#include "mp/pipe.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/raw_array.h"
#include "mp/rlock.h"
#include "mp/semaphore.h"
#include "mp/shareable_list.h"
#include "mp/shared_memory.h"
#include "mp/sharedctypes.h"
#include "mp/simple_queue.h"
#include "mp/value.h"
#include "mp/value_lock.h"

namespace mp {

struct Processes {
  using Process = mp::Process;
  using Lock = mp::Lock;
  using RLock = mp::RLock;
  using Semaphore = mp::Semaphore;
  using BoundedSemaphore = mp::BoundedSemaphore;
  using Condition = mp::Condition;
  using Event = mp::Event;
  using Barrier = mp::Barrier;
  template <class T = Object>
  using Queue = mp::Queue<T>;
  template <class T = Object>
  using SimpleQueue = mp::SimpleQueue<T>;
  template <class T = Object>
  using JoinableQueue = mp::JoinableQueue<T>;
  template <class T>
  using Lease = mp::Lease<T>;
  template <class T>
  using MessageView = mp::MessageView<T>;
  template <class T>
  using Value = mp::Value<T>;
  template <class T>
  using RawValue = mp::RawValue<T>;
  template <class T>
  using Array = mp::Array<T>;
  template <class T>
  using RawArray = mp::RawArray<T>;
  static mp::Value<Object> make_value(char typecode, const Object& value) {
    return mp::make_value(typecode, value);
  }
  static mp::Value<Object> make_raw_value(char typecode, const Object& value) {
    return mp::make_raw_value(typecode, value);
  }
  static mp::Array<Object> make_array(char typecode, const Object& size_or_initializer) {
    return mp::make_array(typecode, size_or_initializer);
  }
  static mp::Array<Object> make_raw_array(char typecode, const Object& size_or_initializer) {
    return mp::make_raw_array(typecode, size_or_initializer);
  }
  using Connection = mp::Connection;
  using SharedMemory = mp::SharedMemory;
  using ShareableList = mp::ShareableList;
  static std::pair<Connection, Connection> Pipe(bool duplex = true) { return mp::Pipe(duplex); }
  static mp::Process current_process() { return mp::current_process(); }
};

struct Threads {
  using Process = dummy::Process;
  using Lock = dummy::Lock;
  using RLock = dummy::RLock;
  using Semaphore = dummy::Semaphore;
  using BoundedSemaphore = dummy::BoundedSemaphore;
  using Condition = dummy::Condition;
  using Event = dummy::Event;
  using Barrier = dummy::Barrier;
  template <class T = Object>
  using Queue = dummy::Queue<T>;
  template <class T = Object>
  using SimpleQueue = dummy::SimpleQueue<T>;
  template <class T = Object>
  using JoinableQueue = dummy::JoinableQueue<T>;
  template <class T>
  using Lease = dummy::Lease<T>;
  template <class T>
  using MessageView = dummy::MessageView<T>;
  template <class T>
  using Value = dummy::Value<T>;
  template <class T>
  using RawValue = dummy::RawValue<T>;
  template <class T>
  using Array = dummy::Array<T>;
  template <class T>
  using RawArray = dummy::RawArray<T>;
  static dummy::Value<Object> make_value(char typecode, const Object& value) {
    return dummy::make_value(typecode, value);
  }
  static dummy::Value<Object> make_raw_value(char typecode, const Object& value) {
    return dummy::make_raw_value(typecode, value);
  }
  static dummy::Array<Object> make_array(char typecode, const Object& size_or_initializer) {
    return dummy::make_array(typecode, size_or_initializer);
  }
  static dummy::Array<Object> make_raw_array(char typecode, const Object& size_or_initializer) {
    return dummy::make_raw_array(typecode, size_or_initializer);
  }
  using Connection = dummy::Connection;
  using SharedMemory = dummy::SharedMemory;
  using ShareableList = dummy::ShareableList;
  static std::pair<Connection, Connection> Pipe(bool duplex = true) { return dummy::Pipe(duplex); }
  static dummy::Process current_process() { return dummy::current_process(); }
};

}  // namespace mp

#endif  // MP_BACKEND_H_
