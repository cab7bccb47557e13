// "Synchronization types like locks, conditions and queues" of the reference, with processes or, as
// `synchronize threads`, with threads. All pauses and timeouts are a tenth of the reference's.

#include <chrono>
#include <iostream>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "mp/backend.h"
#include "mp/mp.h"

constexpr double kPace = 0.1;

void nap(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds * kPace));
}

double random_below(double limit) {
  thread_local std::mt19937 generator{std::random_device{}()};
  return std::uniform_real_distribution<>(0, limit)(generator);
}

// One line in one piece, whoever else prints.
template <class... A>
void print(const A&... parts) {
  std::ostringstream line;
  (line << ... << parts) << '\n';
  std::cout << line.str() << std::flush;
}

// -- test_value --

template <class B>
void value_func(typename B::template Value<int> running, typename B::Lock mutex) {
  nap(random_below(4));
  mutex.acquire();
  print("\n\t\t\t", B::current_process(), " has finished");
  running.update([](int& n) { --n; });
  mutex.release();
}

template <class B>
void test_value() {
  constexpr int kTasks = 10;
  typename B::template Value<int> running(kTasks);
  typename B::Lock mutex;
  for (int i = 0; i < kTasks; ++i) {
    typename B::Process p(value_func<B>, running, mutex);
    p.start();
  }
  while (running.value() > 0) {
    nap(0.08);
    mutex.acquire();
    std::cout << running.value() << ' ' << std::flush;
    mutex.release();
  }
  print();
  print("No more running processes");
}

// -- test_queue --

template <class B>
void queue_func(typename B::template Queue<> queue) {
  for (int i = 0; i < 30; ++i) {
    nap(random_below(0.5));
    queue.put(i * i);
  }
  queue.put("STOP");
}

template <class B>
void test_queue() {
  typename B::template Queue<> q;
  typename B::Process p(queue_func<B>, q);
  p.start();
  mp::Object o;
  while (o != mp::Object("STOP")) {
    try {
      o = q.get(0.3 * kPace);
      std::cout << o << ' ' << std::flush;
    } catch (const mp::Empty&) {
      print("TIMEOUT");
    }
  }
  print();
}

// -- test_condition --

template <class B>
void condition_func(typename B::Condition cond) {
  cond.acquire();
  print('\t', cond);
  nap(2);
  print("\tchild is notifying");
  print('\t', cond);
  cond.notify();
  cond.release();
}

template <class B>
void test_condition() {
  typename B::Condition cond;
  typename B::Process p(condition_func<B>, cond);
  print(cond);
  cond.acquire();
  print(cond);
  cond.acquire();
  print(cond);
  p.start();
  print("main is waiting");
  cond.wait();
  print("main has woken up");
  print(cond);
  cond.release();
  print(cond);
  cond.release();
  p.join();
  print(cond);
}

// -- test_semaphore --

template <class B>
void semaphore_func(typename B::Semaphore sema, typename B::RLock mutex,
                    typename B::template Value<int> running) {
  sema.acquire();

  mutex.acquire();
  print(running.update([](int& n) { return ++n; }), " tasks are running");
  mutex.release();

  nap(random_below(2));

  mutex.acquire();
  running.update([](int& n) { --n; });
  print(B::current_process(), " has finished");
  mutex.release();

  sema.release();
}

template <class B>
void test_semaphore() {
  typename B::Semaphore sema(3);
  typename B::RLock mutex;
  typename B::template Value<int> running(0);
  std::vector<typename B::Process> processes;
  for (int i = 0; i < 10; ++i) {
    processes.emplace_back(semaphore_func<B>, sema, mutex, running);
  }
  for (const auto& p : processes) {
    p.start();
  }
  for (const auto& p : processes) {
    p.join();
  }
}

// -- test_join_timeout --

void join_timeout_func() {
  print("\tchild sleeping");
  nap(5.5);
  print("\n\tchild terminating");
}

template <class B>
void test_join_timeout() {
  typename B::Process p(join_timeout_func);
  p.start();
  print("waiting for process to finish");
  while (!p.join(1 * kPace)) {
    std::cout << ". " << std::flush;
  }
}

// -- test_event --

template <class B>
void event_func(typename B::Event event) {
  print('\t', B::current_process(), " is waiting");
  event.wait();
  print('\t', B::current_process(), " has woken up");
}

template <class B>
void test_event() {
  typename B::Event event;
  std::vector<typename B::Process> processes;
  for (int i = 0; i < 5; ++i) {
    processes.emplace_back(event_func<B>, event);
  }
  for (const auto& p : processes) {
    p.start();
  }
  print("main is sleeping");
  nap(2);
  print("main is setting event");
  event.set();
  for (const auto& p : processes) {
    p.join();
  }
}

// -- test_sharedvalues --

struct Typed {
  char typecode;
  mp::Object value;  // or a list
};

void expect(bool is_so) {
  if (!is_so) {
    throw mp::AssertionError("a shared value is not what it was made of");
  }
}

template <class B>
void sharedvalues_func(std::vector<Typed> values, std::vector<Typed> arrays,
                       std::vector<typename B::template Value<mp::Object>> shared_values,
                       std::vector<typename B::template Array<mp::Object>> shared_arrays) {
  for (size_t i = 0; i < values.size(); ++i) {
    expect(shared_values[i].value() == values[i].value);
  }
  for (size_t i = 0; i < arrays.size(); ++i) {
    expect(shared_arrays[i].slice() == arrays[i].value);
  }
  print("Tests passed");
}

mp::Object range(int end, mp::Object (*of)(int)) {
  mp::Object list = mp::list();
  for (int i = 0; i < end; ++i) {
    list.append(of(i));
  }
  return list;
}

template <class B>
void test_sharedvalues() {
  auto same = [](int i) { return mp::Object(i); };
  std::vector<Typed> values = {{'i', 10}, {'h', -2}, {'d', 1.25}};
  std::vector<Typed> arrays = {
      {'i', range(100, same)},
      {'d', range(100, [](int i) { return mp::Object(0.25 * i); })},
      {'H', range(1000, same)},
  };
  std::vector<typename B::template Value<mp::Object>> shared_values;
  for (const Typed& v : values) {
    shared_values.push_back(B::make_value(v.typecode, v.value));
  }
  std::vector<typename B::template Array<mp::Object>> shared_arrays;
  for (const Typed& a : arrays) {
    shared_arrays.push_back(B::make_array(a.typecode, a.value));
  }
  typename B::Process p(sharedvalues_func<B>, values, arrays, shared_values, shared_arrays);
  p.start();
  p.join();
  expect(p.exitcode() == 0);
}

// ----

template <class B>
void test() {
  const std::pair<const char*, void (*)()> all[] = {
      {"test_value", test_value<B>},
      {"test_queue", test_queue<B>},
      {"test_condition", test_condition<B>},
      {"test_semaphore", test_semaphore<B>},
      {"test_join_timeout", test_join_timeout<B>},
      {"test_event", test_event<B>},
      {"test_sharedvalues", test_sharedvalues<B>},
  };
  for (const auto& [name, func] : all) {
    print("\n\t######## ", name, '\n');
    func();
  }
}

int main(int argc, char** argv) {
  mp::freeze_support(argc, argv);
  std::string mode = argc == 1 ? "processes" : argv[1];
  if (argc <= 2 && mode == "processes") {
    print("------------------------------- Using processes -------------------------------");
    test<mp::Processes>();
  } else if (argc <= 2 && mode == "threads") {
    print("-------------------------------- Using threads --------------------------------");
    test<mp::Threads>();
  } else {
    print("Usage:\n\t", argv[0], " [processes | threads]");
    return 2;
  }
}
