// Six processes on one joinable queue, killed at random and replaced at once, keep an exact ledger: each message whose put
// has returned is finished once, whatever became of those who had it before; nobody has one that somebody else has; and
// join() returns only when there was a moment without an unfinished one.

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mp/internal/core/channel.h"
#include "mp/internal/core/channel_impl.h"
#include "mp/internal/core/ref.h"
#include "mp/internal/shm/family.h"
#include "mp/joinable_queue.h"
#include "mp/lease.h"
#include "mp/testing/live_blocks.h"
#include "mp/testing/seed.h"
#include "mp/testing/storm.h"
#include "mp/testing/storm_ledger.h"
#include "mp/testing/storm_message.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using namespace std::chrono_literals;
using internal::Bug;
using internal::Family;
using testing::kStormViolations;
using testing::make_message;
using testing::mix;
using testing::PutRecord;
using testing::run_apart;
using testing::Storm;
using testing::storm_now;
using testing::StormLedger;
using testing::StormPlan;
using testing::StormRandom;
using testing::Watchdog;

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
constexpr uint32_t kSeats = 6;
constexpr uint32_t kJoiner = kSeats - 1;  // its seat

// -- The ledger --

// A message given to a member, and what the member made of it.
struct Delivery {
  enum Kind : uint32_t { kAck = 1, kGiveBack };
  std::atomic<int64_t> begin;  // of the get
  std::atomic<int64_t> end;
  std::atomic<int64_t> release_begin;
  std::atomic<int64_t> release_end;
  std::atomic<uint32_t> number;
  std::atomic<uint32_t> what;     // a Came, or the index of the put's record
  std::atomic<uint32_t> attempt;  // 0: not told
  std::atomic<uint32_t> kind;
};
struct JoinRecord {
  int64_t begin;
  std::atomic<int64_t> end;  // 0: it did not return true
};

struct Ledger : StormLedger {
  static constexpr uint32_t kPuts = 1 << 19;
  static constexpr uint32_t kDeliveries = 1 << 20;
  static constexpr uint32_t kJoins = 1 << 18;

  std::atomic<uint32_t> deliveries_used;
  std::atomic<uint32_t> joins_used;
  PutRecord puts[kPuts];
  Delivery deliveries[kDeliveries];
  JoinRecord joins[kJoins];

  static Ledger* map() {
    void* at = mmap(nullptr, sizeof(Ledger), PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? nullptr : static_cast<Ledger*>(at);
  }
  void clear() {
    std::memset(static_cast<void*>(puts), 0, puts_used * sizeof(PutRecord));
    std::memset(static_cast<void*>(deliveries), 0, deliveries_used * sizeof(Delivery));
    std::memset(static_cast<void*>(joins), 0, joins_used * sizeof(JoinRecord));
    stop = puts_used = deliveries_used = joins_used = 0;
  }
};

// Long enough to say which it is.
size_t size_of(const Ledger& ledger, uint32_t index) {
  return std::max(testing::message_size(ledger.seed, index), sizeof index);
}

uint32_t identify(const Ledger& ledger, std::string_view message) {
  return testing::identify(ledger.seed, Ledger::kPuts, message,
                           [&](uint32_t index) { return size_of(ledger, index); });
}

// -- The queues: the public one, and its core with other atomics --

class PublicTasks {
 public:
  // A lease; or nothing: the message came by get(), and task_done() is for it.
  using Held = std::optional<Lease<std::string>>;

  explicit PublicTasks(int64_t maxsize) : queue_(maxsize) {}
  void put(const std::string& message) const { queue_.put(message); }
  // With `plain`, by get().
  bool lease(Held* held, std::string* message, uint32_t* attempt, bool wait, bool plain) const {
    held->reset();
    *attempt = 0;
    Timeout timeout = wait ? kForever : Timeout(0);
    if (plain) {
      auto text = queue_.try_get(timeout);
      if (text.ok()) {
        *message = *std::move(text);
      }
      return text.ok();
    }
    auto lease = queue_.try_get_lease(timeout);
    if (!lease.ok()) {
      return false;
    }
    *message = **lease;
    *attempt = lease->attempt();
    held->emplace(*std::move(lease));
    return true;
  }
  void finish(Held held) const { held.has_value() ? held->ack() : queue_.task_done(); }
  void give_back(Held held) const {
    if (held->attempt() % 2 == 0) {
      held->nack();
    }
  }
  bool join(Timeout timeout) const { return queue_.join(timeout); }
  uint64_t size() const { return queue_.qsize(); }

 private:
  JoinableQueue<std::string> queue_;
};

// Dawdles at every step of the protocols, so that deaths find the moments between two stores.
template <Bug kPlanted>
struct Dawdling : internal::RealAtomics {
  static constexpr Bug kBug = kPlanted;
  static void step(const char*) noexcept {
    thread_local StormRandom random(static_cast<uint64_t>(storm_now()));
    if (uint64_t n = random() % 64; n < 16) {
      for (uint64_t i = 0; i < n * 400; ++i) {
        pause();
      }
    }
  }
};

template <class A>
class CoreTasks {
 public:
  using Held = typename internal::Ring<A>::Leased;

  explicit CoreTasks(int64_t maxsize)
      : ref_(internal::Ref::create(internal::Kind::kQueue, sizeof(internal::Ring<>))) {
    // The library's own sweep would mend what a planted bug does.
    Family::set_let_go(internal::Kind::kQueue, let_go);
    internal::Channel<> channel(Family::get(), ref_.offset());
    channel.ring->maxsize = static_cast<uint64_t>(maxsize);
    channel.ring->start(channel.store);
  }
  void put(const std::string& message) const {
    internal::Channel<A> channel = open();
    internal::ChannelWriter<A> writer(channel);
    if (writer.open(internal::Deadline::never()).ok()) {
      if (std::byte* at = writer.add(message.size())) {
        std::memcpy(at, message.data(), message.size());
        writer.publish();
      }
    }
  }
  bool lease(Held* held, std::string* message, uint32_t* attempt, bool wait, bool) const {
    internal::Channel<A> channel = open();
    internal::ChannelReader<A> reader(channel);
    if (!reader.open(wait ? internal::Deadline::never() : internal::Deadline::past()).ok()) {
      return false;
    }
    const uint64_t size = reader.message().size();
    *held = reader.lease(false);
    *attempt = internal::LeaseWord::attempt(held->word);
    message->assign(
        reinterpret_cast<const char*>(channel.ring->lease_bytes(channel.store, held->entry)), size);
    return true;
  }
  void finish(Held held) const {
    internal::Channel<A> channel = open();
    internal::ChannelLeases<A>(channel).acknowledge(held);
  }
  void give_back(Held held) const {
    internal::Channel<A> channel = open();
    internal::ChannelLeases<A>(channel).give_back(held);
  }
  bool join(Timeout timeout) const {
    internal::Channel<A> channel = open();
    return internal::ChannelLeases<A>(channel).join(internal::Deadline::after(timeout));
  }
  uint64_t size() const { return ref_.object<internal::Ring<>>()->size(); }

 private:
  internal::Channel<A> open() const { return internal::Channel<A>(Family::get(), ref_.offset()); }
  static void let_go(Family& family, uint64_t object) {
    internal::Channel<A> channel(family, object);
    internal::Owner me = Family::self();
    internal::ChannelLeases<A>(channel).return_of(
        family.holder_of(object, me) == me ? internal::Owner{} : me);
  }

  internal::Ref ref_;
};

// -- The members --

// Until the flag is up; a put that was begun then is finished.
template <class Q>
void produce(Ledger& ledger, const Q& queue, uint32_t number) {
  StormRandom random(mix(ledger.seed + number));
  std::string message;
  while (ledger.stop.load(std::memory_order_relaxed) == 0) {
    // So that the queue is empty now and then.
    if (random() % 64 == 0) {
      usleep(static_cast<useconds_t>(random() % 2000));
    }
    if (ledger.puts_used.load(std::memory_order_relaxed) + kSeats >= Ledger::kPuts) {
      usleep(1000);  // the ledger is full: until the round is over
      continue;
    }
    uint32_t index = ledger.puts_used.fetch_add(1, std::memory_order_relaxed);
    make_message(ledger.seed, index, size_of(ledger, index), &message);
    PutRecord& record = ledger.puts[index];
    record.number.store(number, std::memory_order_relaxed);
    record.begin.store(storm_now(), std::memory_order_release);
    queue.put(message);
    record.end.store(storm_now(), std::memory_order_release);
  }
}

// Until the message that says it is over.
template <class Q>
void work(Ledger& ledger, const Q& queue, uint32_t number) {
  StormRandom random(mix(ledger.seed + number));
  struct Kept {
    Delivery* delivery;
    typename Q::Held held;
  };
  std::deque<Kept> kept;
  auto release = [&](Kept task, bool finish) {
    task.delivery->kind.store(finish ? Delivery::kAck : Delivery::kGiveBack,
                              std::memory_order_relaxed);
    task.delivery->release_begin.store(storm_now(), std::memory_order_release);
    finish ? queue.finish(std::move(task.held)) : queue.give_back(std::move(task.held));
    task.delivery->release_end.store(storm_now(), std::memory_order_release);
  };
  std::string message;
  for (;;) {
    uint32_t at = ledger.deliveries_used.fetch_add(1, std::memory_order_relaxed);
    if (at >= Ledger::kDeliveries) {
      _exit(3);
    }
    Delivery& delivery = ledger.deliveries[at];
    delivery.number.store(number, std::memory_order_relaxed);
    delivery.begin.store(storm_now(), std::memory_order_release);
    const bool plain = kept.empty() && random() % 4 == 0;
    typename Q::Held held{};
    uint32_t attempt = 0;
    // Who has a task does not wait for another.
    uint32_t what = testing::kCameNothing;
    if (queue.lease(&held, &message, &attempt, kept.empty(), plain)) {
      what = identify(ledger, message);
    }
    delivery.attempt.store(attempt, std::memory_order_relaxed);
    delivery.what.store(what, std::memory_order_relaxed);
    delivery.end.store(storm_now(), std::memory_order_release);
    if (what == testing::kCameEnd) {
      queue.finish(std::move(held));
      return;
    }
    uint64_t of = random() % 64;
    if (what != testing::kCameNothing) {
      if (of == 0) {
        usleep(static_cast<useconds_t>(random() % 300));
      }
      if (plain) {
        release({&delivery, std::move(held)}, true);
        continue;
      }
      kept.push_back({&delivery, std::move(held)});
      if (of < 8 && kept.size() < 4) {
        continue;
      }
    }
    while (!kept.empty()) {
      Kept task = std::move(kept.front());
      kept.pop_front();
      release(std::move(task), random() % 8 != 0);
    }
  }
}

template <class Q>
void join_now_and_then(Ledger& ledger, const Q& queue) {
  while (ledger.stop.load(std::memory_order_relaxed) == 0) {
    uint32_t at = ledger.joins_used.load(std::memory_order_relaxed);
    if (at + 1 >= Ledger::kJoins) {
      usleep(1000);
      continue;
    }
    ledger.joins_used.store(at + 1, std::memory_order_relaxed);
    JoinRecord& record = ledger.joins[at];
    record.begin = storm_now();
    if (queue.join(5ms)) {
      record.end.store(storm_now(), std::memory_order_release);
      usleep(100);
    }
  }
}

template <class Q>
void take_part(Ledger& ledger, const Q& queue, Storm::Member member) {
  if (member.seat < ledger.producers) {
    produce(ledger, queue, member.number);
  } else if (member.seat == kJoiner) {
    join_now_and_then(ledger, queue);
  } else {
    work(ledger, queue, member.number);
  }
}

// -- The audit, when all tasks are finished and nobody is left --

struct Totals {
  uint64_t put = 0;
  uint64_t deliveries = 0;
  uint64_t given_back = 0;
  uint64_t died_with = 0;    // deliveries whose holder was killed
  uint64_t died_acking = 0;  // of them, in the middle of it
  uint64_t joins = 0;
};

class Audit {
 public:
  Audit(const Ledger& ledger, const std::vector<Storm::Death>& deaths) : ledger_(ledger) {
    for (const Storm::Death& death : deaths) {
      dead_.resize(std::max<size_t>(dead_.size(), death.number + 1), false);
      dead_[death.number] = true;
    }
  }

  std::vector<std::string> run(Totals* totals) {
    collect(totals);
    for (uint32_t index = 0; index < of_.size(); ++index) {
      follow(index, totals);
    }
    check_joins(totals);
    return std::move(wrong_);
  }

 private:
  bool is_dead(uint32_t number) const { return number < dead_.size() && dead_[number]; }
  template <class... Parts>
  void wrong(const Parts&... parts) {
    std::string text;
    ((text += parts), ...);
    wrong_.push_back(std::move(text));
  }

  void collect(Totals* totals) {
    of_.resize(ledger_.puts_used);
    finished_.assign(of_.size(), kNever);
    for (uint32_t i = 0; i < ledger_.deliveries_used; ++i) {
      const Delivery& d = ledger_.deliveries[i];
      if (d.begin == 0) {
        continue;
      }
      if (d.end == 0 || (d.release_begin != 0 && d.release_end == 0)) {
        if (!is_dead(d.number)) {
          wrong("a call of member ", std::to_string(d.number), " never came to its end");
        }
      }
      if (d.end == 0 || d.what == testing::kCameNothing || d.what == testing::kCameEnd) {
        continue;
      }
      ++totals->deliveries;
      if (d.what == testing::kCameTorn || d.what == testing::kCameEmpty) {
        wrong("torn: member ", std::to_string(d.number), " got what nobody put");
      } else if (d.what >= of_.size() || ledger_.puts[d.what].begin == 0) {
        wrong("message ", std::to_string(d.what), " came out and never went in");
      } else {
        of_[d.what].push_back(&d);
      }
    }
  }

  // What became of one message.
  void follow(uint32_t index, Totals* totals) {
    const PutRecord& put = ledger_.puts[index];
    if (put.begin == 0) {
      return;
    }
    if (put.end == 0 && !is_dead(put.number)) {
      wrong("a put of member ", std::to_string(put.number), " never came to its end");
    }
    totals->put += put.end != 0 ? 1 : 0;
    std::vector<const Delivery*>& all = of_[index];
    std::sort(all.begin(), all.end(),
              [](const Delivery* a, const Delivery* b) { return a->end < b->end; });
    const std::string name = "message " + std::to_string(index);
    for (size_t i = 0; i < all.size(); ++i) {
      const Delivery& d = *all[i];
      const Delivery* next = i + 1 < all.size() ? all[i + 1] : nullptr;
      const bool released = d.release_end != 0;
      if (!released && !is_dead(d.number)) {
        wrong(name, ": member ", std::to_string(d.number), " kept it");
      }
      totals->given_back += released && d.kind == Delivery::kGiveBack ? 1 : 0;
      totals->died_with += released ? 0 : 1;
      totals->died_acking += !released && d.release_begin != 0 ? 1 : 0;
      if (next == nullptr) {
        continue;
      }
      if (released && d.kind == Delivery::kAck) {
        wrong("twice: ", name, " came once more after it was acknowledged");
      } else if (released && next->end < d.release_begin) {
        wrong("two had ", name, " at once");
      }
      if (d.attempt != 0 && next->attempt != 0 && next->attempt <= d.attempt) {
        wrong(name, ": attempt ", std::to_string(next->attempt), " after ",
              std::to_string(d.attempt));
      }
    }
    // All were finished at the end: the last delivery did it, or died in the middle of doing it.
    if (all.empty() ? put.end != 0
                    : all.back()->release_begin == 0 || all.back()->kind != Delivery::kAck) {
      wrong("lost: ", name);
    } else if (!all.empty()) {
      finished_[index] = all.back()->release_begin;
    }
  }

  // What had been put before a join() was begun by its return.
  void check_joins(Totals* totals) {
    std::vector<std::pair<int64_t, int64_t>>
        puts;  // its end; when all up to it were begun to be finished
    for (uint32_t i = 0; i < of_.size(); ++i) {
      if (int64_t end = ledger_.puts[i].end; end != 0) {
        puts.emplace_back(end, finished_[i]);
      }
    }
    std::sort(puts.begin(), puts.end());
    for (size_t i = 1; i < puts.size(); ++i) {
      puts[i].second = std::max(puts[i].second, puts[i - 1].second);
    }
    for (uint32_t i = 0; i < ledger_.joins_used; ++i) {
      const JoinRecord& join = ledger_.joins[i];
      const int64_t end = join.end;
      if (end == 0) {
        continue;
      }
      ++totals->joins;
      auto after = std::lower_bound(puts.begin(), puts.end(), std::pair(join.begin, int64_t{0}));
      if (after != puts.begin() && std::prev(after)->second > end) {
        wrong("join() returned while a task was not finished");
      }
    }
  }

  const Ledger& ledger_;
  std::vector<bool> dead_;  // by number
  std::vector<std::vector<const Delivery*>> of_;
  std::vector<int64_t> finished_;
  std::vector<std::string> wrong_;
};

// -- The storm --

// Runs it in this process, prints what was wrong and returns the exit status.
template <class Q>
int storm(const StormPlan& plan) {
  Family::get();
  const int64_t blocks = testing::live_blocks();
  std::vector<std::string> wrong;
  Totals totals;
  uint64_t kills = 0;
  const uint64_t seed = testing::seed();
  double raged = 0;
  int64_t printed = storm_now();
  int rounds = 0;
  auto report = [&](const char* end) {
    std::printf(
        "%s: %lu kills in %.1f s, %d rounds; %lu tasks put, %lu deliveries: %lu given back, %lu "
        "whose holder was killed, %lu of them in the middle of an acknowledgement; %lu joins%s\n",
        plan.name, kills, raged, rounds, totals.put, totals.deliveries, totals.given_back,
        totals.died_with, totals.died_acking, totals.joins, end);
    std::fflush(stdout);
  };
  {
    Q queue(plan.maxsize);
    Ledger* mapped = Ledger::map();
    if (mapped == nullptr) {
      std::perror("ledger");
      return 1;
    }
    Ledger& ledger = *mapped;
    Storm storm({.seats = kSeats, .seed = seed},
                [&](Storm::Member member) { take_part(ledger, queue, member); });
    testing::StormRounds all(plan, seed, kJoiner, kSeats, storm, ledger, queue);
    while (wrong.empty() && !all.enough()) {
      wrong = all.next([&] {
        // Those who work live, so all comes to its end: a bug that keeps it from that is to be told, not to hang.
        return queue.join(30s)
                   ? std::vector<std::string>()
                   : std::vector<std::string>{"join() does not return, and everybody works"};
      });
      kills = storm.kills();
      raged = all.raged();
      rounds = all.count();
      if (!wrong.empty()) {
        break;
      }
      for (std::string& text : Audit(ledger, storm.take_deaths()).run(&totals)) {
        wrong.push_back(std::move(text));
      }
      if (queue.size() != 0 || !queue.join(0)) {
        wrong.push_back("the queue is not empty at the end");
      }
      if (int64_t now = storm_now(); now - printed > 5'000'000'000) {
        printed = now;
        report("");
      }
    }
    report((", " + std::to_string(wrong.size()) + " violations").c_str());
    // What a bug has done to the memory of the family is not to be taken apart.
    if (!wrong.empty()) {
      for (size_t i = 0; i < std::min<size_t>(wrong.size(), 10); ++i) {
        std::printf("  %s\n", wrong[i].c_str());
      }
      std::fflush(stdout);
      _exit(kStormViolations);
    }
    munmap(mapped, sizeof(Ledger));
  }
  Family::get().sweep_all();
  if (int64_t left = testing::live_blocks() - blocks; left != 0) {
    std::printf("leaked: %ld blocks of the arena\n", static_cast<long>(left));
    return kStormViolations;
  }
  return 0;
}

// The process that runs the tests never uses the library: every storm has a family of its own.

TEST(LeaseStorm, EachTaskIsFinishedOnceWhoeverDies) {
  testing::seed();
  // MP_STORM_SECONDS=600: the long one.
  const std::chrono::seconds time = testing::storm_time(20s);
  Watchdog dog(10 * time + 200s);
  EXPECT_EQ(run_apart([time] { return storm<PublicTasks>({.name = "tasks", .time = time}); }), 0);
}

TEST(LeaseStorm, AQueueWithoutBoundKeepsItsLedger) {
  testing::seed();
  Watchdog dog(300s);
  EXPECT_EQ(run_apart([] {
              return storm<PublicTasks>({.name = "tasks without bound", .time = 5s, .maxsize = 0});
            }),
            0);
}

TEST(LeaseStorm, ProtocolsThatDawdleAtEveryStepKeepTheirLedger) {
  testing::seed();
  Watchdog dog(300s);
  EXPECT_EQ(
      run_apart([] {
        return storm<CoreTasks<Dawdling<Bug::kNone>>>({.name = "tasks that dawdle", .time = 5s});
      }),
      0);
}

// A planted bug ends its storm: the ledger shows it or a member crashes. Neither the limit nor the harness's own end is
// taken for that.
template <Bug kPlanted>
void expect_caught(const char* name) {
  testing::seed();
  Watchdog dog(300s);
  EXPECT_EQ(run_apart(
                [name] {
                  return storm<CoreTasks<Dawdling<kPlanted>>>(
                      {.name = name, .time = 60s, .round = 500ms});
                },
                150s),
            kStormViolations)
      << name << " was not caught";
}

TEST(LeaseStorm, CatchesALeaseThatIsNamedAfterItsCommit) {
  expect_caught<Bug::kLeaseAfterCommit>("planted: a lease named after its commit");
}
TEST(LeaseStorm, CatchesABlockThatGoesBeforeItsAcknowledgement) {
  expect_caught<Bug::kFreeBeforeAcknowledge>("planted: freed before it is acknowledged");
}
TEST(LeaseStorm, CatchesAnEntryOfWhatWasNotTaken) {
  expect_caught<Bug::kLeaveUntaken>("planted: an entry of what was not taken");
}
TEST(LeaseStorm, CatchesAJoinThatLooksAtLeasesFirst) {
  expect_caught<Bug::kFinishedByLeasesFirst>("planted: join() looks at what is leased first");
}

}  // namespace
}  // namespace mp
