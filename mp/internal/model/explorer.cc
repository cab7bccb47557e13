#include "mp/internal/model/explorer.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <type_traits>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "mp/internal/base/check.h"

namespace mp::internal::model {
namespace {

constexpr size_t kStack = 64 << 10;
constexpr int kRounds = 3;
constexpr size_t kDeepest = 200'000;

enum class Phase : uint8_t { kReady, kAsleep, kEnded, kDead };

// One actor, without its stack.
struct Actor {
  Phase phase = Phase::kEnded;
  Step step = Step::kStart;  // the next one
  FutexResult result = FutexResult::kWoken;
  bool timed = false;  // asleep until a deadline of its own
  bool nap = false;    // asleep until a dying one is dead
  bool dying = false;  // killed, and not dead for the others yet
  uint8_t lives = 0;   // asleep on these actors' life words too
  int8_t choice = 0;
  int8_t options = 1;
  int count = 0;               // of a wake
  const void* at = nullptr;    // of the step, or of the sleep
  const void* also = nullptr;  // of the sleep
  uint64_t seen = 0;
  void* sp = nullptr;
};

struct World {
  Actor actors[kMostActors + 1];
  int count = 0;
  int kills = 0;
  int rounds = 0;
  int early = 0;
  bool end = false;
};
static_assert(std::is_trivially_copyable_v<World>);

bool sleeps_on(const Actor& a, const void* word) {
  return a.phase == Phase::kAsleep && (a.at == word || a.also == word);
}

enum class Move : uint8_t { kStep, kTimeout, kKill, kDeath, kSlices, kStay };

struct Transition {
  Move move;
  int8_t actor;
  int8_t choice;
};

extern "C" void mp_model_switch(void** save, void* load);
extern "C" void mp_model_enter();
// Saves what a call preserves and changes the stack.
asm(R"(
.text
.globl mp_model_switch
.type mp_model_switch, @function
mp_model_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size mp_model_switch, . - mp_model_switch
)");

uint64_t mix(uint64_t h, uint64_t v) {
  __uint128_t m = static_cast<__uint128_t>(h ^ 0x9e3779b97f4a7c15) * (v ^ 0xe7037ed1a0b428db);
  return static_cast<uint64_t>(m) ^ static_cast<uint64_t>(m >> 64);
}

uint64_t mix_bytes(uint64_t h, const void* data, size_t size) {
  const char* p = static_cast<const char*>(data);
  for (; size >= 16; p += 16, size -= 16) {
    uint64_t a, b;
    std::memcpy(&a, p, 8);
    std::memcpy(&b, p + 8, 8);
    __uint128_t m = static_cast<__uint128_t>(a ^ 0xa0761d6478bd642f ^ h) * (b ^ 0xe7037ed1a0b428db);
    h = static_cast<uint64_t>(m) ^ static_cast<uint64_t>(m >> 64);
  }
  uint64_t rest[2] = {};
  std::memcpy(rest, p, size);
  return mix(mix(h, rest[0]), rest[1] + 1);
}

class Search {
 public:
  explicit Search(const Scenario& scenario);
  ~Search() { munmap(stacks_, kStack * (kMostActors + 1)); }

  Outcome run();

  // Called on an actor's stack.
  void begin_actor() noexcept;
  void to_scheduler() noexcept;
  Actor& current() noexcept { return world_.actors[current_]; }
  World& world() noexcept { return world_; }
  int current_number() const noexcept { return current_; }
  const Scenario& scenario() const noexcept { return scenario_; }
  void violate(std::string what);
  template <class... Parts>
  void log(const Parts&... parts) {
    if (logging_) {
      absl::StrAppend(&log_, "    ", parts..., "\n");
    }
  }
  bool logging() const { return logging_; }
  std::string name(const void* at) const;

 private:
  struct Frame {
    size_t snapshot;  // in bytes_
    size_t moves;     // in moves_
    int count;
    int next = 0;
  };

  char* top(int i) const { return stacks_ + kStack * static_cast<size_t>(i + 1); }
  void start(int i);
  void resume(int i);
  void list_moves(std::vector<Transition>* out);
  void apply(Transition t);
  uint64_t key() const;
  size_t save();
  void restore(size_t at);
  std::string path(const std::vector<Transition>& moves);

  const Scenario& scenario_;
  World world_;
  char* stacks_;
  void* scheduler_sp_ = nullptr;
  int current_ = -1;
  std::string violation_;
  bool logging_ = false;
  std::string log_;
  std::vector<char> bytes_;
  std::vector<Transition> moves_;
};

Search* g_search = nullptr;

Search::Search(const Scenario& scenario) : scenario_(scenario) {
  check(scenario.actors.size() <= kMostActors, "too many actors");
  void* at = mmap(nullptr, kStack * (kMostActors + 1), PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  check(at != MAP_FAILED, "no memory for the actors' stacks");
  stacks_ = static_cast<char*>(at);
}

void Search::start(int i) {
  Actor& a = world_.actors[i];
  a = Actor{};
  a.phase = Phase::kReady;
  void** sp = reinterpret_cast<void**>(top(i));
  // A call leaves the stack 8 off a multiple of 16.
  *--sp = nullptr;
  *--sp = reinterpret_cast<void*>(mp_model_enter);
  for (int n = 0; n < 6; ++n) {
    *--sp = nullptr;
  }
  a.sp = sp;
}

void Search::begin_actor() noexcept {
  int i = current_;
  if (i < static_cast<int>(scenario_.actors.size())) {
    scenario_.actors[static_cast<size_t>(i)]();
  } else {
    scenario_.end();
  }
  Actor& a = current();
  a = Actor{};
  a.phase = Phase::kEnded;
  to_scheduler();
}

void Search::to_scheduler() noexcept {
  Actor& a = world_.actors[current_];
  mp_model_switch(&a.sp, scheduler_sp_);
}

void Search::resume(int i) {
  current_ = i;
  mp_model_switch(&scheduler_sp_, world_.actors[i].sp);
  current_ = -1;
}

void Search::violate(std::string what) {
  if (violation_.empty()) {
    violation_ = std::move(what);
  }
}

std::string Search::name(const void* at) const {
  const std::pair<const void*, std::string>* best = nullptr;
  for (const auto& n : scenario_.names) {
    if (n.first <= at && (best == nullptr || n.first > best->first)) {
      best = &n;
    }
  }
  const char* base = best != nullptr ? static_cast<const char*>(best->first)
                                     : static_cast<const char*>(scenario_.shared);
  return absl::StrCat(best != nullptr ? best->second : "shared", "+",
                      static_cast<const char*>(at) - base);
}

void Search::list_moves(std::vector<Transition>* out) {
  bool can_move = false;
  bool all_over = true;
  for (int i = 0; i < world_.count; ++i) {
    const Actor& a = world_.actors[i];
    auto add = [&](Move move, int choice = 0) {
      out->push_back({move, static_cast<int8_t>(i), static_cast<int8_t>(choice)});
    };
    if (a.phase == Phase::kReady) {
      int options = 1;
      if (a.step == Step::kChoose) {
        options = a.options;
      } else if (a.step == Step::kWake) {
        int sleepers = 0;
        for (int j = 0; j < world_.count; ++j) {
          sleepers += sleeps_on(world_.actors[j], a.at) ? 1 : 0;
        }
        options = a.count < sleepers ? sleepers : 1;
      }
      for (int c = 0; c < options; ++c) {
        add(Move::kStep, c);
      }
      can_move = true;
    } else if (a.phase == Phase::kAsleep) {
      bool somebody_dying = false;
      for (int j = 0; j < world_.count; ++j) {
        somebody_dying |= world_.actors[j].dying;
      }
      if (a.timed || (a.nap && !somebody_dying)) {
        add(Move::kTimeout);
        can_move = true;
      } else if (world_.early < scenario_.early_slices && !a.nap) {
        add(Move::kTimeout, 1);
      }
    }
    if (a.dying) {
      add(Move::kDeath);
      can_move = true;
    }
    bool over = a.phase == Phase::kEnded || a.phase == Phase::kDead;
    all_over &= over;
    if (!over && world_.kills < scenario_.kills && !world_.end &&
        (scenario_.may_kill == nullptr || scenario_.may_kill(i))) {
      add(Move::kKill);
    }
  }
  if (can_move || all_over) {
    return;
  }
  if ((world_.kills > 0 || world_.end) && world_.rounds < kRounds &&
      (world_.end || scenario_.may_rest == nullptr || scenario_.may_rest())) {
    out->push_back({Move::kSlices, -1, 0});
    return;
  }
  std::string who;
  for (int i = 0; i < world_.count; ++i) {
    const Actor& a = world_.actors[i];
    if (a.phase == Phase::kAsleep && (world_.kills == 0 || scenario_.may_stay == nullptr ||
                                      world_.end || !scenario_.may_stay(i, a.at))) {
      absl::StrAppend(&who, " ", i, " on ", name(a.at));
    }
  }
  if (who.empty()) {
    out->push_back({Move::kStay, -1, 0});
  } else {
    violate(absl::StrCat("asleep for ever:", who));
  }
}

void Search::apply(Transition t) {
  Actor& a = t.actor >= 0 ? world_.actors[t.actor] : world_.actors[0];
  switch (t.move) {
    case Move::kStep:
      a.choice = t.choice;
      resume(t.actor);
      break;
    case Move::kTimeout:
      log(t.actor, ": its ", a.timed ? "time" : a.nap ? "nap" : "slice", " ends");
      world_.early += t.choice;
      a.result = FutexResult::kTimeout;
      a.phase = Phase::kReady;
      a.step = Step::kPause;
      break;
    case Move::kSlices:
      log("all slices end");
      ++world_.rounds;
      for (int i = 0; i < world_.count; ++i) {
        Actor& s = world_.actors[i];
        if (s.phase == Phase::kAsleep) {
          s.result = FutexResult::kTimeout;
          s.phase = Phase::kReady;
          s.step = Step::kPause;
        }
      }
      break;
    case Move::kStay:
      for (int i = 0; i < world_.count; ++i) {
        if (world_.actors[i].phase == Phase::kAsleep) {
          log(i, ": stays asleep, rightly");
          world_.actors[i] = Actor{};
        }
      }
      break;
    case Move::kKill:
      log(t.actor, ": KILLED");
      ++world_.kills;
      a = Actor{};
      a.phase = Phase::kDead;
      a.dying = scenario_.slow_exit;
      // The kernel wakes one who sleeps on the life word.
      for (int i = 0; i < world_.count; ++i) {
        Actor& s = world_.actors[i];
        if (s.phase == Phase::kAsleep && (s.lives >> t.actor & 1) != 0) {
          s.result = FutexResult::kWoken;
          s.phase = Phase::kReady;
          s.step = Step::kPause;
          break;
        }
      }
      break;
    case Move::kDeath:
      log(t.actor, ": dead for all");
      a.dying = false;
      break;
  }
  // The end, once all are there.
  bool over = !world_.end;
  for (int i = 0; i < world_.count; ++i) {
    Phase p = world_.actors[i].phase;
    over &= (p == Phase::kEnded || p == Phase::kDead) && !world_.actors[i].dying;
  }
  if (over && scenario_.end != nullptr && violation_.empty()) {
    log("the end");
    world_.end = true;
    world_.rounds = 0;
    start(world_.count++);
  }
}

uint64_t Search::key() const {
  uint64_t h = mix_bytes(1, scenario_.shared, scenario_.size);
  for (int i = 0; i < world_.count; ++i) {
    const Actor& a = world_.actors[i];
    h = mix(h, static_cast<uint64_t>(a.phase) | static_cast<uint64_t>(a.step) << 8 |
                   static_cast<uint64_t>(a.result) << 16 | uint64_t{a.timed} << 24 |
                   uint64_t{a.nap} << 25 | uint64_t{a.dying} << 26 | uint64_t{a.lives} << 32);
    h = mix(h, reinterpret_cast<uint64_t>(a.at));
    h = mix(h, reinterpret_cast<uint64_t>(a.also));
    h = mix(h, a.seen);
  }
  return mix(h, static_cast<uint64_t>(world_.kills) | static_cast<uint64_t>(world_.rounds) << 8 |
                    static_cast<uint64_t>(world_.early) << 16 | uint64_t{world_.end} << 24);
}

size_t Search::save() {
  size_t at = bytes_.size();
  auto put = [&](const void* p, size_t n) {
    size_t to = bytes_.size();
    bytes_.resize(to + n);
    std::memcpy(bytes_.data() + to, p, n);
  };
  put(&world_, sizeof world_);
  put(scenario_.shared, scenario_.size);
  for (int i = 0; i < world_.count; ++i) {
    const Actor& a = world_.actors[i];
    if (a.phase == Phase::kReady || a.phase == Phase::kAsleep) {
      put(a.sp, static_cast<size_t>(top(i) - static_cast<char*>(a.sp)));
    }
  }
  return at;
}

void Search::restore(size_t at) {
  const char* p = bytes_.data() + at;
  auto get = [&](void* to, size_t n) {
    std::memcpy(to, p, n);
    p += n;
  };
  get(&world_, sizeof world_);
  get(scenario_.shared, scenario_.size);
  for (int i = 0; i < world_.count; ++i) {
    const Actor& a = world_.actors[i];
    if (a.phase == Phase::kReady || a.phase == Phase::kAsleep) {
      get(a.sp, static_cast<size_t>(top(i) - static_cast<char*>(a.sp)));
    }
  }
}

// The violation, and all that happened before it.
std::string Search::path(const std::vector<Transition>& moves) {
  std::string violation = std::exchange(violation_, {});
  logging_ = true;
  restore(0);
  std::vector<Transition> ignored;
  for (Transition t : moves) {
    apply(t);
  }
  list_moves(&ignored);
  logging_ = false;
  return absl::StrCat(violation, "\n", log_);
}

Outcome Search::run() {
  Outcome outcome;
  std::memset(scenario_.shared, 0, scenario_.size);
  world_ = World{};
  world_.count = static_cast<int>(scenario_.actors.size());
  scenario_.begin();
  for (int i = 0; i < world_.count; ++i) {
    start(i);
  }

  absl::flat_hash_set<uint64_t> known;
  std::vector<Frame> stack;
  std::vector<Transition> found;
  auto push = [&] {
    found.clear();
    list_moves(&found);
    size_t at = moves_.size();
    moves_.insert(moves_.end(), found.begin(), found.end());
    if (found.empty()) {
      ++outcome.ends;
    }
    stack.push_back({save(), at, static_cast<int>(found.size())});
  };
  known.insert(key());
  push();
  bool fresh = true;
  while (!stack.empty() && violation_.empty()) {
    Frame& f = stack.back();
    if (f.next == f.count) {
      bytes_.resize(f.snapshot);
      moves_.resize(f.moves);
      stack.pop_back();
      fresh = false;
      continue;
    }
    if (!fresh) {
      restore(f.snapshot);
    }
    apply(moves_[f.moves + static_cast<size_t>(f.next++)]);
    ++outcome.steps;
    fresh = false;
    if (!violation_.empty() || known.insert(key()).second) {
      push();
      fresh = true;
      if (scenario_.most_states != 0 && known.size() >= scenario_.most_states) {
        outcome.complete = false;
        break;
      }
      if (stack.size() > kDeepest) {
        violate("no end");
      }
    }
  }
  outcome.states = known.size();
  if (!violation_.empty()) {
    std::vector<Transition> moves;
    for (const Frame& f : stack) {
      if (f.next > 0) {
        moves.push_back(moves_[f.moves + static_cast<size_t>(f.next) - 1]);
      }
    }
    outcome.violation = path(moves);
  }
  return outcome;
}

// False in a scenario's begin(), whose accesses are no steps.
bool in_actor() noexcept { return g_search != nullptr && g_search->current_number() >= 0; }

const char* verb(Step step) {
  switch (step) {
    case Step::kStart:
      return "starts";
    case Step::kLoad:
      return "loads";
    case Step::kStore:
      return "stores";
    case Step::kRmw:
      return "changes";
    case Step::kWait:
      return "waits on";
    case Step::kWake:
      return "wakes";
    case Step::kAsk:
      return "asks for";
    case Step::kPause:
      return "pauses at";
    case Step::kChoose:
      return "chooses at";
  }
  return "";
}

}  // namespace

extern "C" void mp_model_enter() { g_search->begin_actor(); }

Outcome explore(const Scenario& scenario) {
  Search search(scenario);
  g_search = &search;
  Outcome outcome = search.run();
  g_search = nullptr;
  return outcome;
}

bool long_runs() { return std::getenv("MP_MODEL_LONG") != nullptr; }

void report(const char* name, const Outcome& outcome) {
  std::printf("%s: %llu states, %llu steps, %llu ends%s\n", name,
              static_cast<unsigned long long>(outcome.states),
              static_cast<unsigned long long>(outcome.steps),
              static_cast<unsigned long long>(outcome.ends),
              outcome.complete ? "" : " (stopped at the bound)");
  std::fflush(stdout);
}

int self() noexcept { return g_search->current_number(); }

void require(bool ok, const char* what) {
  if (!ok) {
    g_search->log(self(), ": ", what);
    g_search->violate(what);
    for (;;) {
      g_search->to_scheduler();
    }
  }
}

void forget(uint64_t what) noexcept { g_search->current().seen = mix(2, what); }

void before(Step step, const void* at) noexcept {
  if (!in_actor()) {
    return;
  }
  Actor& a = g_search->current();
  bool owned = g_search->scenario().owns != nullptr && g_search->scenario().owns(self(), at);
  if (owned ? step != Step::kLoad : true) {
    a.step = step;
    a.at = at;
    g_search->to_scheduler();
  }
  // The number of the step is part of what the actor knows.
  a.seen = mix(a.seen, reinterpret_cast<uint64_t>(at) + static_cast<uint64_t>(step));
  if (g_search->logging()) {
    g_search->log(self(), ": ", verb(step), " ",
                  at != nullptr ? g_search->name(at) : std::string());
  }
}

void saw(uint64_t value) noexcept {
  if (!in_actor()) {
    return;
  }
  Actor& a = g_search->current();
  a.seen = mix(a.seen, value);
  if (g_search->logging()) {
    g_search->log(self(), ":    ", value);
  }
}

uint64_t seen() noexcept { return in_actor() ? g_search->current().seen : 0; }
void set_seen(uint64_t seen) noexcept {
  if (in_actor()) {
    g_search->current().seen = seen;
  }
}

void pause() noexcept { before(Step::kPause, nullptr); }

int choose(int n) noexcept {
  g_search->current().options = static_cast<int8_t>(n);
  before(Step::kChoose, nullptr);
  int c = g_search->current().choice;
  saw(static_cast<uint64_t>(c));
  return c;
}

FutexResult wait(const Watched& word, const Watched& also, uint8_t lives,
                 Deadline deadline) noexcept {
  Actor& a = g_search->current();
  // Only a nap is as short as that, and only the deadline of a call is long past.
  a.timed = !deadline.is_never() && deadline.ns() < 1000;
  a.nap = !deadline.is_never() && !a.timed;
  bool changed = word.value != word.expected || (also.at != nullptr && also.value != also.expected);
  for (int i = 0; i <= kMostActors; ++i) {
    changed |= (lives >> i & 1) != 0 && g_search->world().actors[i].phase == Phase::kDead;
  }
  if (changed) {
    a.timed = a.nap = false;
    saw(1);
    return FutexResult::kChanged;
  }
  a.phase = Phase::kAsleep;
  a.at = word.at;
  a.also = also.at;
  a.lives = lives;
  g_search->log(self(), ": falls asleep");
  g_search->to_scheduler();
  a.timed = a.nap = false;
  a.also = nullptr;
  a.lives = 0;
  saw(2 + static_cast<uint64_t>(a.result));
  return a.result;
}

int wake(const void* word, int count) noexcept {
  g_search->current().count = count;
  before(Step::kWake, word);
  World& w = g_search->world();
  int first = g_search->current().choice;
  int sleepers[kMostActors + 1];
  int n = 0;
  for (int i = 0; i < w.count; ++i) {
    if (sleeps_on(w.actors[i], word)) {
      sleepers[n++] = i;
    }
  }
  int woken = std::min(n, count);
  for (int k = 0; k < woken; ++k) {
    Actor& s = w.actors[sleepers[(first + k) % n]];
    s.phase = Phase::kReady;
    s.step = Step::kPause;
    s.result = FutexResult::kWoken;
    g_search->log(self(), ":    wakes ", sleepers[(first + k) % n]);
  }
  saw(static_cast<uint64_t>(woken));
  return woken;
}

void wake_mourners(int actor) noexcept {
  before(Step::kAsk, nullptr);
  World& w = g_search->world();
  for (int i = 0; i < w.count; ++i) {
    Actor& s = w.actors[i];
    if (s.phase == Phase::kAsleep && (s.lives >> actor & 1) != 0) {
      s.phase = Phase::kReady;
      s.step = Step::kPause;
      s.result = FutexResult::kWoken;
    }
  }
}

bool is_dead(int actor) noexcept {
  before(Step::kAsk, nullptr);
  const Actor& a = g_search->world().actors[actor];
  bool dead = a.phase == Phase::kDead && !a.dying;
  saw(dead);
  return dead;
}

bool is_dying(int actor) noexcept {
  bool dying = g_search->world().actors[actor].phase == Phase::kDead;
  saw(dying);
  return dying;
}

}  // namespace mp::internal::model
