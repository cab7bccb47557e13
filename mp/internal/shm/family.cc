#include "mp/internal/shm/family.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/base/check.h"
#include "mp/internal/base/fork_handlers.h"
#include "mp/internal/base/fork_state.h"
#include "mp/internal/os/certificate.h"
#include "mp/internal/os/reopen.h"
#include "mp/internal/os/stopped.h"
#include "mp/internal/park/brief_lock.h"
#include "mp/internal/park/lock.h"
#include "mp/internal/shm/reachability.h"
#include "mp/internal/shm/segment.h"

namespace mp::internal {

MP_FORK_STATE constinit std::atomic<uint32_t> g_self{0};

// A further page of a process's list.
struct Family::Holders {
  static constexpr int kEntries = 59;
  Block block;
  std::atomic<uint64_t> next;
  std::atomic<uint64_t> entries[kEntries];
};

// A page of handles inside messages.
struct Family::Transit {
  static constexpr int kEntries = 14;
  Block block;
  std::atomic<uint64_t> next;
  uint64_t padding;
  TransitEntry<> entries[kEntries];
};

namespace {

// Stands for a process that has no slot yet; its slot is never given out.
constexpr Owner kStranger = Owner::of(Owner::kSlots - 1, 1);

std::atomic<Family*> g_family{nullptr};
MP_FORK_STATE constinit std::mutex g_joining;
// Of the one family.
MP_FORK_STATE alignas(Family) constinit std::byte g_room[sizeof(Family)] = {};
Family::Destroy g_destroy[static_cast<int>(Kind::kKinds)];
Family::LetGo g_let_go[static_cast<int>(Kind::kKinds)];

// Parts up to this size are zeroed: pages of nodes and entries. Of larger ones, a queue's segments,
// the header is.
constexpr uint64_t kSmallPart = 4096;
constexpr uint64_t kPartHeader = 64;

// By how much the memory may grow before somebody looks for dead processes that nobody has noticed.
constexpr uint64_t kSweepStep = 4 << 20;
// The same for the table of processes: each time that it has doubled, from here on.
constexpr uint32_t kManySlots = 64;

constexpr uint64_t pack(uint32_t generation, Phase phase) {
  return uint64_t{generation} << 32 | static_cast<uint32_t>(phase);
}
constexpr uint32_t generation_of(uint64_t state) { return static_cast<uint32_t>(state >> 32); }
constexpr Phase phase_of(uint64_t state) { return static_cast<Phase>(state & 0xffffffff); }

// Byte of the arena's file that certifies slot i. Far above any data, so that it can not meet other
// users of locks.
constexpr uint64_t certificate_at(uint32_t slot) { return (uint64_t{1} << 60) + slot; }

FutexWord* life_word(Slot& slot) {
  // glibc keeps the futex of a mutex in its first four bytes: the owner's TID, bit 31 while
  // somebody waits, bit 30 once the owner died.
  return reinterpret_cast<FutexWord*>(&slot.life);
}
constexpr uint32_t kFutexWaiters = 0x80000000;
constexpr uint32_t kFutexOwnerDied = 0x40000000;

// Whether the slot has not been given out again: then its life word is this owner's. Acquire, with the release that ends
// claim_slot(): the word is looked at as initialised there.
bool names_its_process(const Slot& slot, Owner owner) {
  return generation_of(slot.state.load(std::memory_order_acquire)) == owner.generation();
}

void init_life(Slot& slot) {
  pthread_mutexattr_t attr;
  pthread_mutexattr_init(&attr);
  pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&slot.life, &attr);
  pthread_mutexattr_destroy(&attr);
}

// Whether main() is near. As good as that: of a program that is linked statically, the objects of a
// library come behind its own, and so do their constructors.
bool g_started = false;
__attribute__((constructor)) void start() { g_started = true; }

// 0: none. Whoever sets the variable is not who wrote the program: if it is wrong, and wanted before
// main(), where nobody can catch an exception, the program ends with the text and exit code 1.
uint64_t budget_from_environment() {
  const char* text = getenv("MP_MEMORY_LIMIT");
  if (text == nullptr || *text == '\0') {
    return 0;
  }
  std::string_view number = text;
  int shift = 0;
  switch (number.back()) {
    case 'K':
    case 'k':
      shift = 10;
      break;
    case 'M':
    case 'm':
      shift = 20;
      break;
    case 'G':
    case 'g':
      shift = 30;
      break;
    default:
      break;
  }
  if (shift != 0) {
    number.remove_suffix(1);
  }
  uint64_t n = 0;
  auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), n);
  if (error == std::errc() && end == number.data() + number.size() && n != 0 &&
      n <= ~uint64_t{0} >> shift) {
    return n << shift;
  }
  absl::Status status = value_error(absl::StrCat(
      "mp: MP_MEMORY_LIMIT='", text,
      "' is not a size: it takes a number of bytes, at least 1, or a number with K, M or G behind "
      "it, as in MP_MEMORY_LIMIT=512M"));
  if (!g_started) {
    fprintf(stderr, "ValueError: %s\n", std::string(status.message()).c_str());
    _exit(1);
  }
  raise(status);
}

}  // namespace

// -- Joining --

Family* Family::current() noexcept { return g_family.load(std::memory_order_acquire); }

Family& Family::get() {
  if (Family* family = current()) [[likely]] {
    if (g_self.load(std::memory_order_relaxed) == 0) {
      join_self();
    }
    return *family;
  }
  // Before g_joining is ever taken: no child may be born with it locked.
  [[maybe_unused]] static const bool registered =
      handle_forks(ForkOrder::kFamily, {before_fork, after_fork_in_parent, after_fork_in_child});
  std::lock_guard hold(g_joining);
  if (Family* family = current()) {
    return *family;
  }
  Family* family = found_or_join();
  g_family.store(family, std::memory_order_release);
  return *family;
}

std::string Family::join_text(int arena_fd, int certificate_fd, Owner child) const {
  return absl::StrCat(arena_fd, ":", certificate_fd, ":", child.bits, ":", arena_.header().cookie);
}

Family* Family::found_or_join() {
  if (const char* text = getenv(kJoinVariable)) {
    int arena_fd = -1;
    int certificate_fd = -1;
    uint32_t bits = 0;
    uint64_t cookie = 0;
    bool parsed =
        sscanf(text, "%d:%d:%" SCNu32 ":%" SCNu64, &arena_fd, &certificate_fd, &bits, &cookie) == 4;
    unsetenv(kJoinVariable);
    if (parsed) {
      // A program that merely inherited the variable has no such descriptor: it founds its own
      // family, and a descriptor of that number is none of our business.
      UniqueFd copy(fcntl(arena_fd, F_DUPFD_CLOEXEC, 3));
      auto arena = copy.valid() ? Arena::open(std::move(copy), cookie)
                                : os_error(errno, "mp: a descriptor for the family's arena");
      // It is handed over and there is no room for it: a family of its own is not what this process
      // was started for, and it would wait there for ever.
      if (int err = errno_of(arena.status()); err != 0 && err != EBADF) {
        end_unstarted(err, std::string(arena.status().message()));
      }
      if (arena.ok()) {
        close(arena_fd);
        auto* family = new (g_room) Family(*std::move(arena));
        fcntl(certificate_fd, F_SETFD, FD_CLOEXEC);
        family->become(Owner{bits}, UniqueFd(certificate_fd));
        return family;
      }
    }
  }
  auto arena = Arena::create(budget_from_environment());
  raise_if_error(arena.status());
  auto* family = new (g_room) Family(*std::move(arena));
  raise_if_error(family->claim_and_become());
  return family;
}

void Family::end_unstarted(int err, std::string_view why) noexcept {
  dprintf(STDERR_FILENO, "mp: process %d could not start: %.*s\n", getpid(),
          static_cast<int>(why.size()), why.data());
  _exit(kCouldNotStart + err);
}

// Claims a slot without being anybody yet. Meanwhile the locks are taken in the name of the
// stranger's slot, whose certificate the kernel gives to one process at a time and takes from a
// dead one.
absl::Status Family::claim_and_become() {
  UniqueFd stranger(reopen(arena_.fd(), O_RDWR));
  if (!stranger.valid()) {
    return os_error(errno, "mp: re-opening the family's arena");
  }
  if (int err = wait_for_certificate(stranger.get(), certificate_at(kStranger.slot())); err != 0) {
    return os_error(err, "mp: waiting for the stranger's certificate");
  }
  // What a stranger holds now it held when it died; as long as we are the stranger it looks alive.
  LockWord<>& lock = header().family_lock;
  uint32_t seen = lock.word.load(std::memory_order_relaxed);
  if (LockWord<>::owner_of(seen) == kStranger) {
    repair_and_wake(lock, seen);
  }
  auto child = claim_slot(kStranger, Owner{});
  if (child.ok()) {
    become(child->owner, std::move(child->certificate));
  }
  return child.status();
}

// A fork child whose parent could not reserve a slot for it gets one at its first use.
Owner Family::join_self() {
  Family* family = current();
  if (family == nullptr) {
    family = &get();
    return Owner{g_self.load(std::memory_order_relaxed)};
  }
  std::lock_guard hold(g_joining);
  if (uint32_t bits = g_self.load(std::memory_order_relaxed)) {
    return Owner{bits};
  }
  raise_if_error(family->claim_and_become());
  // What the parent's memory held, this process holds.
  std::lock_guard guard(family->mutex_);
  Owner me{g_self.load(std::memory_order_relaxed)};
  for (auto& [object, held] : family->held_) {
    auto entry = family->free_entry(me.slot(), family->spare_);
    raise_if_error(entry.status());
    family->write_entry(**entry, object);
    held.entry = *entry;
  }
  return me;
}

void Family::become(Owner owner, UniqueFd certificate) noexcept {
  certificate_ = std::move(certificate);
  Slot& s = slot(owner);
  // A read maps the pages around it too, this slot's among them; a write would map its own alone.
  [[maybe_unused]] uint32_t touched = header().slots_used.load(std::memory_order_relaxed);
  s.pid.store(static_cast<uint32_t>(getpid()), std::memory_order_relaxed);
  // Free, and nobody else ever takes it. Not a lock of anything: taken this way it has no place in
  // ThreadSanitizer's order of locks.
  pthread_mutex_trylock(&s.life);
  s.state.store(pack(owner.generation(), Phase::kLive), std::memory_order_release);
  g_self.store(owner.bits, std::memory_order_relaxed);
}

// -- Processes --

bool Family::certified(uint32_t slot) const noexcept {
  return certificate_held(arena_.fd(), certificate_at(slot));
}

void Family::lock_family() noexcept {
  // Nothing to repair after a dead owner: each step under this lock leaves over-estimates only, and
  // the sweep of the dead process clears what it named.
  acquire_brief(header().family_lock, self(), *this);
}

void Family::unlock_family() noexcept {
  park_release(header().family_lock);
  if (deposits().orphans()) [[unlikely]] {
    discard_orphans();
  }
}

absl::StatusOr<Family::Child> Family::claim_slot(Owner me, Owner creator) {
  UniqueFd fd(reopen(arena_.fd(), O_RDWR));
  if (!fd.valid()) {
    return os_error(errno, "mp: re-opening the family's arena for a certificate of life");
  }
  ArenaHeader& h = header();
  for (int round = 0;; ++round) {
    acquire_brief(h.family_lock, me, *this);
    uint32_t used = h.slots_used.load(std::memory_order_relaxed);
    uint32_t i = 1;
    while (i <= used &&
           phase_of(arena_.slot(i).state.load(std::memory_order_relaxed)) != Phase::kFree) {
      ++i;
    }
    bool full = i >= kStranger.slot();
    bool doubled = i > used && i >= kManySlots && std::has_single_bit(i);
    if ((full || doubled) && round == 0 && me != kStranger) {
      park_release(h.family_lock);
      sweep_dead();
      continue;
    }
    if (full) {
      park_release(h.family_lock);
      return os_error(EAGAIN, absl::StrCat("mp: the family has no room for more than ",
                                           Owner::kSlots - 2, " processes"));
    }
    h.slots_used.store(std::max(used, i), std::memory_order_relaxed);
    Slot& s = arena_.slot(i);
    uint32_t generation =
        (generation_of(s.state.load(std::memory_order_relaxed)) + 1) & Owner::kGenerationMask;
    if (int err = take_certificate(fd.get(), certificate_at(i)); err != 0) {
      park_release(h.family_lock);
      return os_error(err, "mp: locking a certificate of life");
    }
    s.pid.store(0, std::memory_order_relaxed);
    s.creator.store(creator.bits, std::memory_order_relaxed);
    s.status.store(0, std::memory_order_relaxed);
    s.naming.store(0, std::memory_order_relaxed);
    s.pages.store(0, std::memory_order_relaxed);
    for (auto& entry : s.objects) {
      entry.store(0, std::memory_order_relaxed);
    }
    init_life(s);
    s.state.store(pack(generation, Phase::kReserved), std::memory_order_release);
    park_release(h.family_lock);
    return Child{Owner::of(i, generation), std::move(fd)};
  }
}

absl::StatusOr<Family::Child> Family::reserve_child(bool watched) {
  return claim_slot(self(), watched ? self() : Owner{});
}

bool Family::watch_child(Owner child) noexcept {
  Owner me = self();
  lock_family();
  Slot& s = slot(child);
  uint64_t state = s.state.load(std::memory_order_relaxed);
  bool alive = generation_of(state) == child.generation() &&
               (phase_of(state) == Phase::kReserved || phase_of(state) == Phase::kLive);
  if (alive) {
    s.creator.store(me.bits, std::memory_order_relaxed);
  }
  unlock_family();
  return alive;
}

void Family::set_fork_child(Child child) noexcept { fork_child_ = std::move(child); }

bool Family::is_dead(Owner owner) noexcept {
  if (owner.bits == g_self.load(std::memory_order_relaxed) || !owner) {
    return false;
  }
  if (owner == kStranger) {
    return !certified(owner.slot());
  }
  uint64_t state = slot(owner).state.load(std::memory_order_acquire);
  if (generation_of(state) != owner.generation() || phase_of(state) == Phase::kFree ||
      phase_of(state) == Phase::kSwept) {
    return true;
  }
  return !certified(owner.slot());
}

const FutexWord* Family::arm_life_word(Owner owner, uint32_t* alive_value) noexcept {
  if (owner == kStranger || !names_its_process(slot(owner), owner)) {
    return nullptr;
  }
  FutexWord* word = life_word(slot(owner));
  uint32_t v = word->load(std::memory_order_relaxed);
  for (;;) {
    // Held by nobody, or its thread has ended: it will not change again.
    if ((v & ~kFutexWaiters) == 0 || (v & kFutexOwnerDied) != 0) {
      return nullptr;
    }
    // The kernel wakes a sleeper at the owner's death only when this bit is set.
    if ((v & kFutexWaiters) != 0 || word->compare_exchange_weak(v, v | kFutexWaiters)) {
      *alive_value = v | kFutexWaiters;
      return word;
    }
  }
}

bool Family::is_dying(Owner owner) noexcept {
  return owner != kStranger && names_its_process(slot(owner), owner) &&
         (life_word(slot(owner))->load(std::memory_order_relaxed) & kFutexOwnerDied) != 0;
}

void Family::relay_death(Owner owner) noexcept { futex_wake(life_word(slot(owner)), kWakeAll); }

void Family::sweep_one(Owner owner) noexcept {
  uint64_t state = slot(owner).state.load(std::memory_order_acquire);
  if (generation_of(state) != owner.generation() || phase_of(state) == Phase::kFree ||
      phase_of(state) == Phase::kSwept || !is_dead(owner)) {
    return;
  }
  lock_family();
  if (slot(owner).state.load(std::memory_order_relaxed) == state) {
    sweep_locked(owner.slot());
  }
  unlock_family();
}

UniqueFd Family::let_go_on(Owner owner, absl::FunctionRef<bool()> holds) noexcept {
  const auto pid = static_cast<int>(slot(owner).pid.load(std::memory_order_relaxed));
  if (owner == kStranger || pid == 0) {
    return UniqueFd();
  }
  return continue_stopped(pid, arena_.fd(), holds);
}

void Family::sweep_dead() noexcept {
  uint32_t used = header().slots_used.load(std::memory_order_acquire);
  for (uint32_t i = 1; i <= used; ++i) {
    uint64_t state = arena_.slot(i).state.load(std::memory_order_acquire);
    sweep_one(Owner::of(i, generation_of(state)));
  }
  // Slots whose creator died before it asked for the status.
  lock_family();
  for (uint32_t i = 1; i <= used; ++i) {
    Slot& s = arena_.slot(i);
    uint64_t state = s.state.load(std::memory_order_relaxed);
    if (phase_of(state) == Phase::kSwept &&
        is_dead(Owner{s.creator.load(std::memory_order_relaxed)})) {
      s.state.store(pack(generation_of(state), Phase::kFree), std::memory_order_release);
    }
  }
  unlock_family();
}

void Family::sweep(Owner owner) noexcept {
  sweep_one(owner);
  settle_messages();
}

void Family::sweep_all() noexcept {
  sweep_dead();
  settle_messages();
}

void Family::sweep_locked(uint32_t i) noexcept {
  Slot& s = arena_.slot(i);
  uint64_t state = s.state.load(std::memory_order_relaxed);
  relay_death(Owner::of(i, generation_of(state)));
  each_entry(i, [&](std::atomic<uint64_t>& entry) {
    if (entry.load(std::memory_order_relaxed) != 0) {
      release_entry(entry, false);
    }
    return true;
  });
  sweep_names(i, Owner::of(i, generation_of(state)));
  forget_list(i);
  Owner creator{s.creator.load(std::memory_order_relaxed)};
  Phase next = creator && !is_dead(creator) ? Phase::kSwept : Phase::kFree;
  s.state.store(pack(generation_of(state), next), std::memory_order_release);
}

Owner Family::live_owner(uint32_t i) const noexcept {
  uint64_t state = arena_.slot(i).state.load(std::memory_order_acquire);
  Phase phase = phase_of(state);
  return phase == Phase::kReserved || phase == Phase::kLive ? Owner::of(i, generation_of(state))
                                                            : Owner{};
}

void Family::done_with(Owner child) noexcept {
  sweep(child);
  lock_family();
  Slot& s = slot(child);
  uint64_t state = s.state.load(std::memory_order_relaxed);
  if (generation_of(state) == child.generation()) {
    s.creator.store(0, std::memory_order_relaxed);
    if (phase_of(state) == Phase::kSwept) {
      s.state.store(pack(child.generation(), Phase::kFree), std::memory_order_release);
    }
  }
  unlock_family();
}

// -- Fork --

void Family::before_fork() noexcept {
  g_joining.lock();
  if (current() == nullptr) {
    return;
  }
  Family& f = *current();
  f.mutex_.lock();
  if (g_self.load(std::memory_order_relaxed) == 0) {
    return;
  }
  if (!f.fork_child_.has_value()) {
    auto child = f.reserve_child(false);
    if (!child.ok()) {
      return;
    }
    f.fork_child_ = *std::move(child);
  }
  // The child's memory will hold what ours holds.
  Spare spare;
  for (auto& [object, held] : f.held_) {
    auto entry = f.free_entry(f.fork_child_->owner.slot(), spare);
    check(entry.ok(), "no memory for the list of a forked child");
    f.write_entry(**entry, object);
  }
}

void Family::after_fork_in_parent() noexcept {
  if (current() != nullptr) {
    Family& f = *current();
    f.fork_child_.reset();
    f.mutex_.unlock();
  }
  g_joining.unlock();
}

void Family::after_fork_in_child() noexcept {
  if (current() == nullptr) {
    g_joining.unlock();
    return;
  }
  Family& f = *current();
  g_self.store(0, std::memory_order_relaxed);
  f.spare_ = {};
  if (f.fork_child_.has_value()) {
    Child child = *std::move(f.fork_child_);
    f.fork_child_.reset();
    f.become(child.owner, std::move(child.certificate));
    f.each_entry(child.owner.slot(), [&](std::atomic<uint64_t>& entry) {
      uint64_t object = entry.load(std::memory_order_relaxed);
      auto it = object != 0 ? f.held_.find(object) : f.held_.end();
      if (it != f.held_.end()) {
        it->second.entry = &entry;
      }
      return true;
    });
  } else {
    f.certificate_.reset();
  }
  f.mutex_.unlock();
  g_joining.unlock();
}

// -- Objects --

// A further page of the list of `slot`, or null: a page that an allocation cut short by a death has
// named is not one.
Family::Holders* Family::page_at(uint64_t at, uint32_t slot) const noexcept {
  if (at == 0) {
    return nullptr;
  }
  auto* page = arena_.at<Holders>(at);
  bool whole = page->block.state.load(std::memory_order_acquire) == Block::kLive &&
               page->block.kind == Kind::kHolders &&
               page->block.link.load(std::memory_order_relaxed) == slot;
  return whole ? page : nullptr;
}

void Family::each_entry(uint32_t i, absl::FunctionRef<bool(std::atomic<uint64_t>&)> see) {
  Slot& s = arena_.slot(i);
  for (auto& entry : s.objects) {
    if (!see(entry)) {
      return;
    }
  }
  for (Holders* page = page_at(s.pages.load(std::memory_order_acquire), i); page != nullptr;
       page = page_at(page->next.load(std::memory_order_acquire), i)) {
    for (auto& entry : page->entries) {
      if (!see(entry)) {
        return;
      }
    }
  }
}

absl::StatusOr<std::atomic<uint64_t>*> Family::free_entry(uint32_t i, Spare& spare) {
  if (!spare.looked) {
    each_entry(i, [&](std::atomic<uint64_t>& entry) {
      if (entry.load(std::memory_order_relaxed) == 0) {
        spare.entries.push_back(&entry);
      }
      return true;
    });
    spare.looked = true;
  }
  if (spare.entries.empty()) {
    std::atomic<uint64_t>* end = &arena_.slot(i).pages;
    while (Holders* page = page_at(end->load(std::memory_order_relaxed), i)) {
      end = &page->next;
    }
    auto at = arena_.allocate({.kind = Kind::kHolders,
                               .size = sizeof(Holders),
                               .parent = i,
                               .clear = sizeof(Holders),
                               .metadata = true},
                              *end, self(), *this);
    if (!at.ok()) {
      return at.status();
    }
    for (auto& entry : arena_.at<Holders>(*at)->entries) {
      spare.entries.push_back(&entry);
    }
  }
  std::atomic<uint64_t>* entry = spare.entries.back();
  spare.entries.pop_back();
  return entry;
}

void Family::forget_list(uint32_t i) noexcept {
  // From the end, freed before unlinked: killed midway, the chain still leads to every page that is
  // left.
  for (;;) {
    std::atomic<uint64_t>* last = nullptr;
    std::atomic<uint64_t>* end = &arena_.slot(i).pages;
    while (Holders* page = page_at(end->load(std::memory_order_relaxed), i)) {
      last = end;
      end = &page->next;
    }
    if (last == nullptr) {
      return;
    }
    arena_.free(last->load(std::memory_order_relaxed), self(), *this);
    last->store(0, std::memory_order_relaxed);
  }
}

absl::StatusOr<uint64_t> Family::allocate(const Arena::Request& request,
                                          std::atomic<uint64_t>& intent) {
  sweep_grown();
  auto at = arena_.allocate(request, intent, self(), *this);
  if (!at.ok() && at.status().code() == absl::StatusCode::kResourceExhausted) {
    // The dead may hold what is missing.
    sweep_dead();
    at = arena_.allocate(request, intent, self(), *this);
  }
  return at;
}

void Family::sweep_grown() noexcept {
  ArenaHeader& h = header();
  if (h.used.load(std::memory_order_relaxed) <= h.sweep_at.load(std::memory_order_relaxed))
      [[likely]] {
    return;
  }
  // Set by everybody who comes here, and by nobody else: who is killed before leaves it to the next.
  sweep_dead();
  uint64_t used = h.used.load(std::memory_order_relaxed);
  h.sweep_at.store(used + std::max(kSweepStep, used / 4), std::memory_order_relaxed);
}

absl::StatusOr<uint64_t> Family::create(Kind kind, uint64_t size, uint64_t clear) {
  Owner me = self();
  std::lock_guard hold(mutex_);
  auto entry = free_entry(me.slot(), spare_);
  if (!entry.ok()) {
    return entry.status();
  }
  // The entry is the intent: a block that is live is named.
  auto object = allocate({.kind = kind, .size = size, .clear = clear}, **entry);
  if (object.ok()) {
    held_[*object] = Held{1, *entry};
  } else {
    spare_.entries.push_back(*entry);
  }
  return object;
}

absl::StatusOr<uint64_t> Family::create_part(Kind kind, uint64_t size, uint64_t parent,
                                             std::atomic<uint64_t>& intent) {
  // The chain to the next part must read as ended before this part is live; of large ones the rest
  // is written before it is read.
  uint64_t clear = size <= kSmallPart ? size : kPartHeader;
  return allocate({.kind = kind, .size = size, .parent = parent, .clear = clear}, intent);
}

void Family::hold(uint64_t object) {
  self();  // joins before the mutex is taken
  std::lock_guard guard(mutex_);
  raise_if_error(hold_locked(object));
}

absl::Status Family::hold_locked(uint64_t object) {
  Owner me = self();
  Held& held = held_[object];
  if (held.handles == 0) {
    // A start may have given it to us already.
    each_entry(me.slot(), [&](std::atomic<uint64_t>& entry) {
      if (entry.load(std::memory_order_relaxed) == object) {
        held.entry = &entry;
      }
      return held.entry == nullptr;
    });
    if (held.entry == nullptr) {
      auto entry = free_entry(me.slot(), spare_);
      if (!entry.ok()) {
        held_.erase(object);
        return entry.status();
      }
      write_entry(**entry, object);
      held.entry = *entry;
    }
  }
  ++held.handles;
  return absl::OkStatus();
}

void Family::drop(uint64_t object) noexcept {
  std::lock_guard guard(mutex_);
  auto it = held_.find(object);
  check(it != held_.end() && it->second.handles > 0, "a handle was dropped twice");
  if (--it->second.handles > 0) {
    return;
  }
  std::atomic<uint64_t>* entry = it->second.entry;
  held_.erase(it);
  if (g_self.load(std::memory_order_relaxed) == 0) {
    // A fork child that could not join: it holds nothing.
    return;
  }
  lock_family();
  release_entry(*entry, true);
  unlock_family();
  if (spare_.looked) {
    spare_.entries.push_back(entry);
  }
}

Family::Transit* Family::transit_at(uint64_t at) const noexcept {
  if (at == 0) {
    return nullptr;
  }
  auto* page = arena_.at<Transit>(at);
  bool whole = page->block.state.load(std::memory_order_acquire) == Block::kLive &&
               page->block.kind == Kind::kTransit;
  return whole ? page : nullptr;
}

// What Reachability sees of the family.
struct Family::Tables {
  Family& family;

  std::atomic<uint64_t>& word_at(uint64_t at) const noexcept {
    return *family.at<std::atomic<uint64_t>>(at);
  }
  Block& block(uint64_t object) const noexcept { return *family.arena_.block(object); }
  template <class See>
  void each_entry(uint32_t slot, const See& see) const {
    family.each_entry(slot, see);
  }
  template <class See>
  bool each_transit(const See& see) const {
    for (Transit* page = family.transit_at(family.header().transit.load(std::memory_order_acquire));
         page != nullptr; page = family.transit_at(page->next.load(std::memory_order_acquire))) {
      for (auto& entry : page->entries) {
        if (!see(entry)) {
          return false;
        }
      }
    }
    return true;
  }
  uint32_t slots_used() const noexcept {
    return family.header().slots_used.load(std::memory_order_acquire);
  }
  bool may_hold(uint32_t slot) const noexcept { return bool{family.live_owner(slot)}; }
  bool has_name(uint64_t object) const noexcept {
    return block(object).kind == Kind::kSharedMemory &&
           family.at<Segment>(object)->linked.load(std::memory_order_relaxed) != 0;
  }
  void destroy_parts(uint64_t object, bool redo) const {
    Kind kind = block(object).kind;
    if (kind == Kind::kSharedMemory) {
      family.forget_name(object);
    }
    // Before its parts go: from now on nobody looks into the channel to settle its descriptors.
    if (kind == Kind::kQueue && !family.deposits().none()) {
      family.deposits().channel_ends(object);
    }
    if (Destroy fn = g_destroy[static_cast<int>(kind)]) {
      fn(family, object, redo);
    } else if (kind >= Kind::kCondition) {
      // Nobody in this program registered how: the object's code is in a library this process has
      // not loaded.
      family.free_all_parts(object);
    }
  }
  void free(uint64_t object) const noexcept { family.arena_.free(object, self(), family); }
  void let_go(uint64_t object) const noexcept {
    if (LetGo fn = g_let_go[static_cast<int>(block(object).kind)]) {
      fn(family, object);
    }
  }
  absl::StatusOr<TransitEntry<>*> add_transit() const {
    std::atomic<uint64_t>* end = &family.header().transit;
    while (Transit* page = family.transit_at(end->load(std::memory_order_relaxed))) {
      end = &page->next;
    }
    // A parent of 1: part of the family itself, never somebody's object.
    auto at = family.arena_.allocate({.kind = Kind::kTransit,
                                      .size = sizeof(Transit),
                                      .parent = 1,
                                      .clear = sizeof(Transit),
                                      .metadata = true},
                                     *end, self(), family);
    if (!at.ok()) {
      return at.status();
    }
    return &family.at<Transit>(*at)->entries[0];
  }

  static Reachability<RealAtomics, Tables> of(Family& family) noexcept {
    return Reachability<RealAtomics, Tables>(Tables{family});
  }
};

void Family::write_entry(std::atomic<uint64_t>& entry, uint64_t object) noexcept {
  Tables::of(*this).write(entry, object);
}

bool Family::holds(uint32_t i, uint64_t object) noexcept {
  bool found = false;
  each_entry(i, [&](std::atomic<uint64_t>& entry) {
    // A page of the list goes when its process is dead, and may be anything by now.
    found = RealAtomics::peek(entry) == object;
    return !found;
  });
  return found;
}

Owner Family::holder_of(uint64_t object, Owner hint) noexcept {
  auto phase = [&](uint32_t i, uint32_t* generation) {
    uint64_t state = arena_.slot(i).state.load(std::memory_order_acquire);
    *generation = generation_of(state);
    return phase_of(state);
  };
  uint32_t generation = 0;
  if (hint && phase(hint.slot(), &generation) == Phase::kLive && generation == hint.generation() &&
      holds(hint.slot(), object)) {
    return hint;
  }
  Owner beginner;
  uint32_t used = header().slots_used.load(std::memory_order_acquire);
  for (uint32_t i = 1; i <= used; ++i) {
    Phase p = phase(i, &generation);
    if ((p == Phase::kLive || p == Phase::kReserved) && holds(i, object)) {
      if (p == Phase::kLive) {
        return Owner::of(i, generation);
      }
      beginner = Owner::of(i, generation);
    }
  }
  return beginner;
}

bool Family::listed(uint64_t object) noexcept { return Tables::of(*this).listed(object, nullptr); }

void Family::release_entry(std::atomic<uint64_t>& entry, bool certain) noexcept {
  Tables::of(*this).release(entry, certain);
}

void Family::set_destroy(Kind kind, Destroy destroy) noexcept {
  g_destroy[static_cast<int>(kind)] = destroy;
}

void Family::set_let_go(Kind kind, LetGo let_go) noexcept {
  g_let_go[static_cast<int>(kind)] = let_go;
}

void Family::free_all_parts(uint64_t object) noexcept {
  std::vector<uint64_t> parts;
  arena_.each_live([&](uint64_t at, const Block& b) {
    if ((b.kind == Kind::kSegment || b.kind == Kind::kLease) &&
        b.link.load(std::memory_order_relaxed) == object) {
      parts.push_back(at);
    }
  });
  for (uint64_t at : parts) {
    free_part(at);
  }
}

absl::Status Family::note_in_transit(uint64_t object, uint64_t channel, uint64_t seq,
                                     const std::atomic<uint64_t>& received) {
  lock_family();
  absl::Status status = Tables::of(*this).note(object, channel, seq, offset_of(&received));
  unlock_family();
  return status;
}

void Family::forget_in_transit(uint64_t channel, uint64_t from) noexcept {
  lock_family();
  Tables::of(*this).forget(channel, from);
  if (!deposits().none()) {
    deposits().forget(channel, from);
  }
  unlock_family();
}

void Family::lease_carried(uint64_t channel, uint64_t seq) noexcept {
  lock_family();
  Tables::of(*this).lease(channel, seq);
  deposits().lease(channel, seq);
  unlock_family();
}

void Family::unlease_carried(uint64_t channel, uint64_t from,
                             const std::atomic<uint64_t>& received) noexcept {
  lock_family();
  Tables::of(*this).unlease(channel, from, offset_of(&received));
  deposits().unlease(channel, from, offset_of(&received));
  unlock_family();
}

void Family::end_carried(uint64_t channel, uint64_t seq) noexcept {
  lock_family();
  Tables::of(*this).end(channel, seq);
  deposits().end_message(channel, seq);
  unlock_family();
}

absl::Status Family::give(Owner child, uint64_t object) {
  std::lock_guard guard(mutex_);
  Spare spare;
  auto entry = free_entry(child.slot(), spare);
  if (!entry.ok()) {
    return entry.status();
  }
  write_entry(**entry, object);
  return absl::OkStatus();
}

void Family::settle() noexcept {
  std::lock_guard guard(mutex_);
  lock_family();
  each_entry(self().slot(), [&](std::atomic<uint64_t>& entry) {
    uint64_t object = entry.load(std::memory_order_relaxed);
    if (object != 0) {
      auto it = held_.find(object);
      if (it == held_.end() || it->second.entry != &entry) {
        release_entry(entry, false);
        if (spare_.looked) {
          spare_.entries.push_back(&entry);
        }
      }
    }
    return true;
  });
  unlock_family();
}

// -- File descriptors inside messages --

constinit Family::MessageHooks Family::g_message_hooks{
    [](uint64_t) noexcept { return false; }, [](Family&, uint64_t) noexcept { return false; },
    [](Family&, uint64_t) noexcept {}};

absl::Status Family::note_deposit(uint64_t token, uint64_t channel, uint64_t seq,
                                  const std::atomic<uint64_t>& received) {
  bool room = false;
  for (bool swept = false;; swept = true) {
    lock_family();
    room = deposits().note(token, channel, seq, offset_of(&received));
    unlock_family();
    if (room || swept) {
      break;
    }
    // What the dead have left there is thrown away when they are swept.
    sweep_all();
  }
  return room ? absl::OkStatus()
              : os_error(EAGAIN, absl::StrCat("mp: the family's mailbox is full: ", kDeposits,
                                              " file descriptors wait to be received; receive some "
                                              "before sending more"));
}

void Family::end_deposit(uint64_t token, bool lost) noexcept {
  lock_family();
  if (lost) {
    deposits().abandon(token);
  } else {
    deposits().end(token);
  }
  unlock_family();
}

// One at a time: whoever is killed leaves the rest for the next. unlock_family() would come back here.
void Family::discard_orphans() noexcept {
  for (;;) {
    lock_family();
    uint64_t token = deposits().some_orphan();
    park_release(header().family_lock);
    if (token == 0 || !g_message_hooks.discard(token)) {
      return;
    }
    lock_family();
    deposits().end(token);
    park_release(header().family_lock);
  }
}

void Family::settle_messages() noexcept {
  bool descriptors = !deposits().none();
  if (!descriptors && header().transit.load(std::memory_order_relaxed) == 0) [[likely]] {
    return;
  }
  std::vector<uint64_t> channels;
  auto add = [&](uint64_t channel) {
    if (std::find(channels.begin(), channels.end(), channel) == channels.end()) {
      channels.push_back(channel);
    }
  };
  {
    std::lock_guard guard(mutex_);
    lock_family();
    if (descriptors) {
      auto dead = [this](Owner owner) { return is_dead(owner); };
      deposits().orphan_of_dead_takers(dead);
      deposits().each_channel_of_dead_senders(dead, [&](uint64_t channel) {
        // Whoever dies while it frees one, who frees it in its place settles it.
        if ((arena_.block(channel)->flags.load(std::memory_order_relaxed) & Block::kDying) == 0) {
          add(channel);
        }
      });
    }
    Tables::of(*this).each_channel_in_transit([&](uint64_t channel) {
      if (g_message_hooks.abandoned(*this, channel)) {
        add(channel);
      }
    });
    // They have their entries still, so they are there, and are held before they can go. Without memory for that, another
    // time.
    std::erase_if(channels, [this](uint64_t channel) { return !hold_locked(channel).ok(); });
    unlock_family();
  }
  for (uint64_t channel : channels) {
    g_message_hooks.recover(*this, channel);
    drop(channel);
  }
}

void Family::each_held(absl::FunctionRef<void(uint64_t, uint32_t)> see) {
  std::lock_guard guard(mutex_);
  for (const auto& [object, held] : held_) {
    see(object, held.handles);
  }
}

}  // namespace mp::internal
