// Six processes on one queue, killed at random and replaced at once, keep an exact ledger: what a put that returned has
// put comes out once, whole and in order, unless a getter died with it.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "mp/fd.h"
#include "mp/internal/core/channel.h"
#include "mp/internal/core/channel_impl.h"
#include "mp/internal/core/ref.h"
#include "mp/internal/proc/fork_server.h"
#include "mp/internal/shm/family.h"
#include "mp/lock.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/testing/inventory.h"
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
using testing::message_size;
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

// -- The ledger --

struct GetRecord {
  std::atomic<int64_t> begin;
  std::atomic<int64_t> end;
  std::atomic<uint32_t> number;
  std::atomic<uint32_t> what;  // a Came, or the index of the put's record
};

struct Ledger : StormLedger {
  static constexpr uint32_t kPuts = 1 << 20;
  static constexpr uint32_t kGets = kPuts + (1 << 18);

  std::atomic<uint32_t> gets_used;
  PutRecord puts[kPuts];
  GetRecord gets[kGets];

  static Ledger* map(int fd) {
    void* at = mmap(nullptr, sizeof(Ledger), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return at == MAP_FAILED ? nullptr : static_cast<Ledger*>(at);
  }
  void clear() {
    std::memset(static_cast<void*>(puts), 0, puts_used * sizeof(PutRecord));
    std::memset(static_cast<void*>(gets), 0, gets_used * sizeof(GetRecord));
    stop = puts_used = gets_used = 0;
  }
};

uint32_t identify(const Ledger& ledger, const std::string& message) {
  return testing::identify(ledger.seed, Ledger::kPuts, message,
                           [&](uint32_t index) { return message_size(ledger.seed, index); });
}

// -- The queues: the public one, and its core with other atomics --

class PublicQueue {
 public:
  explicit PublicQueue(int64_t maxsize) : queue_(maxsize) {}
  explicit PublicQueue(Queue<std::string> queue) : queue_(std::move(queue)) {}
  void put(const std::string& message) const { queue_.put(message); }
  bool put_in(const std::string& message, std::chrono::nanoseconds time) const {
    return queue_.try_put(message, time).ok();
  }
  void put_many(const std::vector<std::string>& messages) const { queue_.put_many(messages); }
  void get(std::string* out) const { *out = queue_.get(); }
  bool get_in(std::string* out, std::chrono::nanoseconds time) const {
    auto message = queue_.try_get(time);
    if (message.ok()) {
      *out = *std::move(message);
    }
    return message.ok();
  }
  int64_t size() const { return static_cast<int64_t>(queue_.qsize()); }
  const Queue<std::string>& queue() const { return queue_; }

 private:
  Queue<std::string> queue_;
};

// Messages that carry more than bytes, now and then: a new lock, and the write end of a pipe, which ends when nobody has it.
struct Parcel {
  std::string text;
  std::optional<Lock> lock;
  Fd fd;
};

class ParcelQueue {
 public:
  explicit ParcelQueue(int64_t maxsize) : queue_(maxsize) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0) {
      read_.reset(ends[0]);
      write_.reset(ends[1]);
    }
  }
  void put(const std::string& message) const { queue_.put(wrap(message)); }
  bool put_in(const std::string& message, std::chrono::nanoseconds time) const {
    return queue_.try_put(wrap(message), time).ok();
  }
  void put_many(const std::vector<std::string>& messages) const {
    for (const std::string& message : messages) {
      put(message);
    }
  }
  void get(std::string* out) const { unwrap(queue_.get(), out); }
  bool get_in(std::string* out, std::chrono::nanoseconds time) const {
    auto parcel = queue_.try_get(time);
    if (parcel.ok()) {
      unwrap(*std::move(parcel), out);
    }
    return parcel.ok();
  }
  int64_t size() const { return static_cast<int64_t>(queue_.qsize()); }
  // With nobody else alive: whether some descriptor is still in the family's mailbox.
  bool left_a_descriptor() {
    write_.reset();
    Family::get().sweep_all();
    char c;
    return read(read_.get(), &c, 1) != 0;
  }

 private:
  Parcel wrap(const std::string& message) const {
    Parcel parcel{message, std::nullopt, Fd()};
    if (message.size() % 4 == 0) {
      parcel.lock.emplace();
    }
    if (message.size() % 8 == 0) {
      parcel.fd = Fd::duplicate(write_.get());
    }
    return parcel;
  }
  static void unwrap(Parcel parcel, std::string* out) {
    if (parcel.lock.has_value()) {
      parcel.lock->acquire();
      parcel.lock->release();
    }
    bool whole = parcel.lock.has_value() == (parcel.text.size() % 4 == 0) &&
                 parcel.fd.valid() == (parcel.text.size() % 8 == 0);
    // Three bytes are no message of the ledger.
    *out = whole ? std::move(parcel.text) : "???";
  }

  Queue<Parcel> queue_;
  Fd read_;
  Fd write_;
};

// Dawdles at every step of the protocols, so that deaths find the moments between two stores.
template <Bug kPlanted>
struct Dawdling : internal::RealAtomics {
  static constexpr Bug kBug = kPlanted;
  static void step(const char* name) noexcept {
    thread_local StormRandom random(static_cast<uint64_t>(storm_now()));
    // A death in a recovery is what shows that it can be done again, and rare.
    bool rare = std::strcmp(name, "ring.recover") == 0;
    if (uint64_t n = random() % 64; n < 16 || rare) {
      for (uint64_t i = 0; i < n * (rare ? 4000 : 400); ++i) {
        pause();
      }
    }
  }
};

// What a user of the queue could get wrong, for the ledger to notice.
enum class Flaw { kNone, kTakesTwo, kLeavesIt, kSwaps };

template <class A, Flaw kFlaw = Flaw::kNone>
class CoreQueue {
 public:
  explicit CoreQueue(int64_t maxsize)
      : ref_(internal::Ref::create(internal::Kind::kQueue, sizeof(internal::Ring<>))) {
    internal::Channel<> channel(Family::get(), ref_.offset());
    channel.ring->maxsize = static_cast<uint64_t>(maxsize);
    channel.ring->start(channel.store);
  }
  void put(const std::string& message) const {
    if constexpr (kFlaw == Flaw::kSwaps) {
      // The one before goes after this one, once it is not a mere handful.
      thread_local std::string kept;
      thread_local int count = 0;
      if (++count % 16 == 8) {
        kept = message;
        return;
      }
      put_now(message);
      if (count % 16 == 9) {
        put_now(kept);
      }
      return;
    }
    put_now(message);
  }
  bool put_in(const std::string& message, std::chrono::nanoseconds) const {
    put(message);
    return true;
  }
  void put_many(const std::vector<std::string>& messages) const {
    for (const std::string& message : messages) {
      put(message);
    }
  }
  void get(std::string* out) const {
    internal::Channel<A> channel(Family::get(), ref_.offset());
    internal::ChannelReader<A> reader(channel);
    if (!reader.open(internal::Deadline::never()).ok()) {
      return;
    }
    if constexpr (A::kBug == Bug::kCommitBeforeCopyOut) {
      std::span<const std::byte> bytes = reader.message();
      reader.commit();
      A::step("between");
      out->assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      return;
    }
    std::span<const std::byte> bytes = reader.message();
    A::step("copy");
    out->assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    thread_local int count = 0;
    ++count;
    if (kFlaw == Flaw::kTakesTwo && count % 16 == 0) {
      reader.next();
    }
    if (kFlaw == Flaw::kLeavesIt && count % 16 == 0) {
      return;
    }
    reader.commit();
  }
  bool get_in(std::string* out, std::chrono::nanoseconds) const {
    get(out);
    return true;
  }
  int64_t size() const { return static_cast<int64_t>(ref_.object<internal::Ring<>>()->size()); }

 private:
  void put_now(const std::string& message) const {
    internal::Channel<A> channel(Family::get(), ref_.offset());
    internal::ChannelWriter<A> writer(channel);
    if (writer.open(internal::Deadline::never()).ok()) {
      if (std::byte* at = writer.add(message.size())) {
        A::step("copy");
        std::memcpy(at, message.data(), message.size());
        writer.publish();
      }
    }
  }

  internal::Ref ref_;
};

// -- The members --

// Until the flag is up; a put that was begun then is finished.
template <class Q>
void produce(Ledger& ledger, const Q& queue, uint32_t number) {
  StormRandom random(mix(ledger.seed + number));
  std::vector<std::string> messages;
  while (ledger.stop.load(std::memory_order_relaxed) == 0) {
    uint64_t of = random() % 64;
    uint32_t count = of == 0 ? 8 : 1;
    uint32_t first = ledger.puts_used.load(std::memory_order_relaxed);
    if (first + kSeats * count < Ledger::kPuts) {
      first = ledger.puts_used.fetch_add(count, std::memory_order_relaxed);
    } else {
      usleep(1000);  // the ledger is full: until the round is over
      continue;
    }
    messages.resize(count);
    for (uint32_t i = 0; i < count; ++i) {
      make_message(ledger.seed, first + i, &messages[i]);
      ledger.puts[first + i].number.store(number, std::memory_order_relaxed);
      ledger.puts[first + i].begin.store(storm_now(), std::memory_order_release);
    }
    bool done = true;
    if (count > 1) {
      queue.put_many(messages);
    } else if (of == 1) {
      done = queue.put_in(messages[0], 100us);
    } else {
      queue.put(messages[0]);
    }
    int64_t end = done ? storm_now() : PutRecord::kRefused;
    for (uint32_t i = 0; i < count; ++i) {
      ledger.puts[first + i].end.store(end, std::memory_order_release);
    }
  }
}

// Until the message that says it is over.
template <class Q>
void consume(Ledger& ledger, const Q& queue, uint32_t number) {
  StormRandom random(mix(ledger.seed + number));
  std::string message;
  for (;;) {
    uint32_t at = ledger.gets_used.fetch_add(1, std::memory_order_relaxed);
    if (at >= Ledger::kGets) {
      _exit(3);
    }
    GetRecord& record = ledger.gets[at];
    record.number.store(number, std::memory_order_relaxed);
    record.begin.store(storm_now(), std::memory_order_release);
    uint32_t what = testing::kCameNothing;
    if (random() % 32 != 0) {
      queue.get(&message);
      what = identify(ledger, message);
    } else if (queue.get_in(&message, 200us)) {
      what = identify(ledger, message);
    }
    record.what.store(what, std::memory_order_relaxed);
    record.end.store(storm_now(), std::memory_order_release);
    if (what == testing::kCameEnd) {
      return;
    }
  }
}

template <class Q>
void work(Ledger& ledger, const Q& queue, Storm::Member member) {
  if (member.seat < ledger.producers) {
    produce(ledger, queue, member.number);
  } else {
    consume(ledger, queue, member.number);
  }
}

// A member that is no copy of the harness.
void work_shipped(std::string ledger_path, Queue<std::string> queue, uint32_t seat,
                  uint32_t number) {
  int fd = open(ledger_path.c_str(), O_RDWR | O_CLOEXEC);
  Ledger* ledger = Ledger::map(fd);
  close(fd);
  if (ledger == nullptr) {
    std::abort();
  }
  work(*ledger, PublicQueue(std::move(queue)), {seat, number});
}

// -- The audit --

struct Totals {
  uint64_t put = 0;
  uint64_t got = 0;
  uint64_t bytes = 0;
  uint64_t lost = 0;     // with a getter that was killed
  uint64_t getters = 0;  // killed in a get
  uint64_t putters = 0;  // killed in a put
};

// Who could have died with which message, matched so that every message has a dead getter of its own.
class Losses {
 public:
  void message(int64_t earliest, int64_t latest) { messages_.push_back({earliest, latest}); }
  void getter(int64_t earliest, int64_t latest) { getters_.push_back({earliest, latest}); }
  uint64_t messages() const { return messages_.size(); }
  uint64_t getters() const { return getters_.size(); }

  // How many messages find a getter.
  uint64_t match() {
    taken_.assign(getters_.size(), -1);
    uint64_t matched = 0;
    for (size_t m = 0; m < messages_.size(); ++m) {
      seen_.assign(getters_.size(), false);
      matched += place(m) ? 1 : 0;
    }
    return matched;
  }

 private:
  struct Span {
    int64_t earliest;
    int64_t latest;
  };
  bool place(size_t m) {
    for (size_t g = 0; g < getters_.size(); ++g) {
      bool meet =
          messages_[m].earliest < getters_[g].latest && getters_[g].earliest < messages_[m].latest;
      if (meet && !seen_[g]) {
        seen_[g] = true;
        if (taken_[g] < 0 || place(static_cast<size_t>(taken_[g]))) {
          taken_[g] = static_cast<int>(m);
          return true;
        }
      }
    }
    return false;
  }

  std::vector<Span> messages_;
  std::vector<Span> getters_;
  std::vector<int> taken_;
  std::vector<bool> seen_;  // by the message that is being placed
};

class Audit {
 public:
  Audit(const Ledger& ledger, const std::vector<Storm::Death>& deaths) : ledger_(ledger) {
    for (const Storm::Death& death : deaths) {
      deaths_.resize(std::max<size_t>(deaths_.size(), death.number + 1), 0);
      deaths_[death.number] = death.by;
    }
  }

  std::vector<std::string> run(Totals* totals) {
    read_gets(totals);
    read_puts(totals);
    check_order();
    check_losses(totals);
    return std::move(wrong_);
  }

 private:
  struct Life {
    uint32_t index;
    int64_t put_begin;
    int64_t put_end;  // kNever: not known
    int64_t got_begin = 0;
    int64_t got_end = 0;  // 0: nobody got it
  };

  int64_t death_of(uint32_t number) const { return number < deaths_.size() ? deaths_[number] : 0; }
  template <class... Parts>
  void wrong(const Parts&... parts) {
    std::string text;
    ((text += parts), ...);
    wrong_.push_back(std::move(text));
  }

  void read_gets(Totals* totals) {
    uint32_t used = ledger_.gets_used;
    got_.assign(ledger_.puts_used, nullptr);
    for (uint32_t i = 0; i < used; ++i) {
      const GetRecord& record = ledger_.gets[i];
      uint32_t what = record.what;
      if (record.begin == 0) {
        continue;
      }
      if (record.end == 0) {
        if (int64_t by = death_of(record.number)) {
          losses_.getter(record.begin, by);
        } else {
          wrong("a get of member ", std::to_string(record.number), " never came to its end");
        }
        continue;
      }
      if (what == testing::kCameNothing || what == testing::kCameEnd) {
        continue;
      }
      ++totals->got;
      if (what == testing::kCameEmpty) {
        ++empty_got_;
      } else if (what == testing::kCameTorn) {
        wrong("torn: member ", std::to_string(record.number), " got what nobody put");
      } else if (what >= got_.size()) {
        wrong("message ", std::to_string(what), " came out and never went in");
      } else if (got_[what] != nullptr) {
        wrong("twice: message ", std::to_string(what));
      } else {
        got_[what] = &record;
      }
    }
  }

  void read_puts(Totals* totals) {
    for (uint32_t i = 0; i < got_.size(); ++i) {
      const PutRecord& record = ledger_.puts[i];
      if (record.begin == 0) {
        if (got_[i] != nullptr) {
          wrong("message ", std::to_string(i), " came out before its put");
        }
        continue;
      }
      bool empty = message_size(ledger_.seed, i) == 0;
      bool returned = record.end > 0;
      if (record.end == PutRecord::kRefused) {
        if (got_[i] != nullptr) {
          wrong("message ", std::to_string(i), " was refused and came out");
        }
        continue;
      }
      if (!returned && death_of(record.number) == 0) {
        wrong("a put of member ", std::to_string(record.number), " never came to its end");
      }
      totals->put += returned ? 1 : 0;
      totals->putters += returned ? 0 : 1;
      totals->bytes += message_size(ledger_.seed, i);
      if (empty) {
        empty_begun_ += 1;
        empty_put_ += returned ? 1 : 0;
        continue;
      }
      Life life{i, record.begin, returned ? record.end.load() : kNever};
      if (got_[i] != nullptr) {
        life.got_begin = got_[i]->begin;
        life.got_end = got_[i]->end;
      }
      lives_.push_back(life);
    }
  }

  // First in, first out: whose put began after another's had returned does not come out before it. `latest_` of each
  // message is what this says of the time at which it was taken off.
  void check_order() {
    std::vector<const Life*> by_begin;
    for (const Life& life : lives_) {
      if (life.got_end != 0) {
        by_begin.push_back(&life);
      }
    }
    std::sort(by_begin.begin(), by_begin.end(),
              [](const Life* a, const Life* b) { return a->put_begin < b->put_begin; });
    std::vector<const Life*> first_out(by_begin.size());  // from here on
    const Life* first = nullptr;
    for (size_t i = by_begin.size(); i-- > 0;) {
      if (first == nullptr || by_begin[i]->got_end < first->got_end) {
        first = by_begin[i];
      }
      first_out[i] = first;
    }
    for (const Life& life : lives_) {
      auto after = std::upper_bound(by_begin.begin(), by_begin.end(), life.put_end,
                                    [](int64_t end, const Life* b) { return end < b->put_begin; });
      const Life* overtaker = after == by_begin.end()
                                  ? nullptr
                                  : first_out[static_cast<size_t>(after - by_begin.begin())];
      int64_t latest = overtaker == nullptr ? kNever : overtaker->got_end;
      if (life.got_end == 0) {
        if (life.put_end != kNever) {
          losses_.message(life.put_begin, latest);
        }
      } else if (latest < life.got_begin) {
        wrong("order: message ", std::to_string(life.index), " was put before message ",
              std::to_string(overtaker->index), " and came out after it");
      }
    }
  }

  void check_losses(Totals* totals) {
    uint64_t matched = losses_.match();
    if (matched < losses_.messages()) {
      wrong("lost: ", std::to_string(losses_.messages()), " messages, ", std::to_string(matched),
            " of them with a getter that was killed while it could have it; ",
            std::to_string(losses_.getters()), " were killed in a get");
    }
    uint64_t empty_lost = empty_put_ - std::min(empty_put_, empty_got_);
    if (matched + empty_lost > losses_.getters()) {
      wrong("lost: ", std::to_string(empty_lost), " messages of 0 bytes beside ",
            std::to_string(matched), " others, and ", std::to_string(losses_.getters()),
            " getters were killed in a get");
    }
    if (empty_got_ > empty_begun_) {
      wrong("twice: ", std::to_string(empty_got_), " messages of 0 bytes out of ",
            std::to_string(empty_begun_));
    }
    totals->lost += losses_.messages() + empty_lost;
    totals->getters += losses_.getters();
  }

  const Ledger& ledger_;
  std::vector<int64_t> deaths_;  // by number; 0: was not killed
  std::vector<const GetRecord*> got_;
  std::vector<Life> lives_;
  Losses losses_;
  uint64_t empty_got_ = 0;
  uint64_t empty_put_ = 0;
  uint64_t empty_begun_ = 0;
  std::vector<std::string> wrong_;
};

// -- The storm --

// Sweeps until this process alone has a slot; a process that is gone has its certificate for a moment still. False when
// somebody stays.
bool alone() {
  for (int64_t end = storm_now() + 10'000'000'000; storm_now() < end; usleep(1000)) {
    Family::get().sweep_all();
    int slots = 0;
    for (uint32_t i = 1; i <= Family::get().header().slots_used; ++i) {
      slots += (Family::get().arena().slot(i).state.load() & 0xffffffff) != 0 ? 1 : 0;
    }
    if (slots == 1) {
      return true;
    }
  }
  return false;
}

// Runs it in this process, prints what was wrong and returns the exit status.
template <class Q>
int storm(const StormPlan& plan, bool shipped) {
  Family::get();
  for (const auto& settle : testing::inventory_sources().settle) {
    settle();
  }
  alone();
  testing::Inventory before = testing::Inventory::take();
  int64_t blocks = testing::live_blocks();
  std::vector<std::string> wrong;
  Totals totals;
  uint64_t kills = 0;
  uint64_t seed = testing::seed();
  int64_t start = storm_now();
  double raged = 0;
  int rounds = 0;
  auto report = [&] {
    std::printf(
        "%s: %lu kills in %.1f s (%d rounds, %.1f s in all); %lu messages put, %.1f MB; %lu got, "
        "%lu lost with one of %lu getters killed in a get; %lu killed in a put; %zu violations\n",
        plan.name, kills, raged, rounds, static_cast<double>(storm_now() - start) / 1e9, totals.put,
        static_cast<double>(totals.bytes) / 1e6, totals.got, totals.lost, totals.getters,
        totals.putters, wrong.size());
    for (size_t i = 0; i < std::min<size_t>(wrong.size(), 10); ++i) {
      std::printf("  %s\n", wrong[i].c_str());
    }
    std::fflush(stdout);
  };
  {
    Q queue(plan.maxsize);
    int fd = memfd_create("storm ledger", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, sizeof(Ledger)) != 0) {
      std::perror("ledger");
      return 1;
    }
    Ledger& ledger = *Ledger::map(fd);
    Storm::Options options{.seats = kSeats, .seed = seed};
    if constexpr (std::is_same_v<Q, PublicQueue>) {
      if (shipped) {
        std::string path = "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(fd);
        options.ship = [&queue, path](Storm::Member member) -> Process {
          return ForkServerProcess(work_shipped, path, queue.queue(), member.seat, member.number);
        };
      }
    }
    Storm storm(options, [&](Storm::Member member) { work(ledger, queue, member); });
    testing::StormRounds all(plan, seed, kSeats, kSeats, storm, ledger, queue);
    int64_t printed = start;
    while (wrong.empty() && !all.enough()) {
      wrong = all.next([] { return std::vector<std::string>(); });
      kills = storm.kills();
      raged = all.raged();
      rounds = all.count();
      if (!wrong.empty()) {
        break;
      }
      for (std::string& text : Audit(ledger, storm.take_deaths()).run(&totals)) {
        wrong.push_back(std::move(text));
      }
      if (queue.size() != 0) {
        wrong.push_back("the size of the empty queue is " + std::to_string(queue.size()));
      }
      if (int64_t now = storm_now(); now - printed > 5'000'000'000) {
        printed = now;
        std::printf(
            "%s: %.0f s, %lu kills, %lu messages put, %lu got, %lu lost with their getter\n",
            plan.name, raged, kills, totals.put, totals.got, totals.lost);
        std::fflush(stdout);
      }
    }
    if constexpr (std::is_base_of_v<ParcelQueue, Q>) {
      if (wrong.empty() && alone() && queue.left_a_descriptor()) {
        wrong.push_back("leaked: a descriptor of a message");
      }
    }
    // What a bug has done to the memory of the family is not to be looked at further, nor to be taken apart.
    if (!wrong.empty()) {
      report();
      _exit(kStormViolations);
    }
    munmap(&ledger, sizeof(Ledger));
    close(fd);
  }
  internal::stop_fork_server();
  if (!alone()) {
    wrong.push_back("leaked: slots of processes");
  }
  if (int64_t left = testing::live_blocks() - blocks; left != 0) {
    wrong.push_back("leaked: " + std::to_string(left) + " blocks of the arena");
  }
  for (const std::string& leak : testing::leaks_since(before)) {
    wrong.push_back("leaked: a " + leak);
  }
  report();
  return wrong.empty() ? 0 : kStormViolations;
}

// The process that runs the tests never uses the library: every storm has a family of its own.

TEST(QueueStorm, SixtySecondsOfKillsKeepAnExactLedger) {
  testing::seed();
  // MP_STORM_SECONDS=600: the long one.
  const std::chrono::seconds time = testing::storm_time(60s);
  Watchdog dog(10 * time + 200s);
  EXPECT_EQ(run_apart([time] {
              return storm<PublicQueue>({.name = "queue", .time = time, .kills = 5000}, true);
            }),
            0);
}

TEST(QueueStorm, AQueueWithoutBoundKeepsItsLedger) {
  testing::seed();
  Watchdog dog(300s);
  EXPECT_EQ(run_apart([] {
              return storm<PublicQueue>({.name = "queue without bound", .time = 5s, .maxsize = 0},
                                        false);
            }),
            0);
}

TEST(QueueStorm, MessagesWithLocksAndDescriptorsLeaveNone) {
  testing::seed();
  Watchdog dog(300s);
  EXPECT_EQ(run_apart([] {
              return storm<ParcelQueue>({.name = "queue of parcels", .time = 10s}, false);
            }),
            0);
}

TEST(QueueStorm, ProtocolsThatDawdleAtEveryStepKeepTheirLedger) {
  testing::seed();
  Watchdog dog(300s);
  EXPECT_EQ(run_apart([] {
              return storm<CoreQueue<Dawdling<Bug::kNone>>>(
                  {.name = "queue that dawdles", .time = 5s}, false);
            }),
            0);
}

// A planted bug ends its storm: the ledger shows it or a member crashes. Neither the limit nor the harness's own end is
// taken for that.
template <class Q>
void expect_caught(const char* name) {
  testing::seed();
  Watchdog dog(300s);
  EXPECT_EQ(
      run_apart([name] { return storm<Q>({.name = name, .time = 60s, .round = 500ms}, false); },
                90s),
      kStormViolations)
      << name << " was not caught";
}

TEST(QueueStorm, CatchesPublishBeforeCopy) {
  expect_caught<CoreQueue<Dawdling<Bug::kPublishBeforeCopy>>>("planted: publish before copy");
}
TEST(QueueStorm, CatchesCommitBeforeCopyOut) {
  expect_caught<CoreQueue<Dawdling<Bug::kCommitBeforeCopyOut>>>("planted: commit before copy-out");
}
TEST(QueueStorm, CatchesARecoveryThatIsNotIdempotent) {
  expect_caught<CoreQueue<Dawdling<Bug::kRecoveryNotIdempotent>>>(
      "planted: recovery not idempotent");
}
// Nobody throws descriptors away: they stay, and at last there is no room for more.
class Hoarding : public ParcelQueue {
 public:
  explicit Hoarding(int64_t maxsize) : ParcelQueue(maxsize) {
    Family::g_message_hooks.discard = [](uint64_t) noexcept { return false; };
  }
};

TEST(QueueStorm, CatchesADescriptorThatStays) {
  expect_caught<Hoarding>("planted: a descriptor stays");
}
TEST(QueueStorm, CatchesALostMessage) {
  expect_caught<CoreQueue<internal::RealAtomics, Flaw::kTakesTwo>>("planted: a message lost");
}
TEST(QueueStorm, CatchesAMessageThatComesTwice) {
  expect_caught<CoreQueue<internal::RealAtomics, Flaw::kLeavesIt>>("planted: a message twice");
}
TEST(QueueStorm, CatchesMessagesOutOfOrder) {
  expect_caught<CoreQueue<internal::RealAtomics, Flaw::kSwaps>>("planted: out of order");
}

}  // namespace
}  // namespace mp
