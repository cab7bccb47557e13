#include "mp/testing/killer.h"

#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "mp/testing/proc.h"
#include "mp/testing/symbols.h"

namespace mp::testing {
namespace {

using At = Tracee::At;
using Effect = Verdict::Effect;
using Clock = std::chrono::steady_clock;

constexpr size_t kShownOfEach = 3;

uint64_t hash_bytes(uint64_t hash, std::span<const std::byte> bytes) {
  for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
    uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    hash = (hash ^ word) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 29;
  }
  for (std::byte b : bytes) {
    hash = (hash ^ static_cast<uint64_t>(b)) * 0x100000001b3;
  }
  return hash;
}

// How a verdict comes back from the checker's process.
struct Reply {
  Outcome outcome;
  Effect effect;
  bool written;
  char text[1000];
};

Verdict make(Outcome outcome, std::string text) {
  return {.outcome = outcome, .effect = Effect::kUnknown, .text = std::move(text)};
}

// A helper that is over, gone, or asleep in a futex.
bool settled(pid_t pid) {
  char state = process_state(pid);
  return state == 0 || state == 'Z' || asleep_in_futex(pid) || over(pid);
}

}  // namespace

const char* to_string(Outcome outcome) {
  constexpr const char* kNames[kOutcomes] = {"ok",         "hang",   "torn",  "lost",
                                             "duplicated", "leaked", "wrong", "crashed"};
  return kNames[static_cast<int>(outcome)];
}

const char* to_string(Mode mode) {
  constexpr const char* kNames[] = {"kill", "recovery", "pause"};
  return kNames[static_cast<int>(mode)];
}

Verdict took_effect(bool yes) {
  return {.outcome = Outcome::kOk, .effect = yes ? Effect::kYes : Effect::kNo, .text = ""};
}
Verdict torn(std::string text) { return make(Outcome::kTorn, std::move(text)); }
Verdict lost(std::string text) { return make(Outcome::kLost, std::move(text)); }
Verdict duplicated(std::string text) { return make(Outcome::kDuplicated, std::move(text)); }
Verdict leaked(std::string text) { return make(Outcome::kLeaked, std::move(text)); }
Verdict wrong(std::string text) { return make(Outcome::kWrong, std::move(text)); }

Scene::Scene(std::string operation, std::string state)
    : operation_(std::move(operation)), state_(std::move(state)) {
  void* at = mmap(nullptr, kMostHelpers * sizeof *people_, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  require(at != MAP_FAILED, "mmap failed");
  people_ = static_cast<std::atomic<pid_t>*>(at);
}

Scene::~Scene() { munmap(people_, kMostHelpers * sizeof *people_); }

Helper& Scene::cast(std::string name, const std::function<void()>& body) {
  return add(Helper(std::move(name), body));
}

Helper& Scene::release(std::string name, Tracee& tracee) {
  return add(tracee.release(std::move(name)));
}

Helper& Scene::add(Helper helper) {
  require(helpers_.size() < kMostHelpers, "too many helpers");
  people_[helpers_.size()] = helper.pid();
  return helpers_.emplace_back(std::move(helper));
}

// Whether they were all settled, one after the other; `turns`: how many they have had.
static bool all_others_settled(std::span<const std::atomic<pid_t>> people, uint64_t* turns) {
  bool all = true;
  for (const std::atomic<pid_t>& person : people) {
    const pid_t pid = person;
    if (pid != 0 && pid != getpid()) {
      all = all && settled(pid);
      *turns += switches(pid);
    }
  }
  return all;
}

void Scene::await_helpers_settled() {
  // Who was seen asleep may have been woken by one that was looked at later: so twice, and nobody had a turn in between.
  constexpr uint64_t kNever = ~uint64_t{0};
  for (uint64_t last = kNever;;) {
    uint64_t turns = 0;
    const bool all_settled = all_others_settled({people_, kMostHelpers}, &turns);
    if (all_settled && turns == last) {
      return;
    }
    last = all_settled ? turns : kNever;
    sched_yield();
  }
}

bool Scene::await(absl::FunctionRef<bool()> done) {
  const RowOptions defaults;
  Clock::time_point start = Clock::now();
  Clock::time_point still_since = start;
  uint64_t last_turns = 0;
  for (uint64_t looks = 1; !done(); ++looks) {
    sched_yield();
    // What is done at once is not worth a look at the helpers.
    if (looks % 64 != 0) {
      continue;
    }
    uint64_t turns = 0;
    const bool all_settled = all_others_settled({people_, kMostHelpers}, &turns);
    Clock::time_point now = Clock::now();
    if (!all_settled || turns != last_turns) {
      still_since = now;
      last_turns = turns;
    }
    if (now - still_since >= defaults.quiet || now - start >= defaults.limit) {
      return done();
    }
  }
  return true;
}

void Scene::require(bool ok, const char* what) {
  if (!ok) {
    std::fprintf(stderr, "mp::testing::Scene %s, %s: %s\n", operation_.c_str(), state_.c_str(),
                 what);
    std::abort();
  }
}

// Runs one row. "Path" is a recorded run; the runs that are killed follow it at full speed as far as they can.
class RowRunner {
 public:
  RowRunner(Scene& scene, Mode mode, const RowOptions& options)
      : scene_(scene), mode_(mode), options_(options) {
    void* page =
        mmap(nullptr, sizeof(Reply), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
      std::perror("mp::testing::run_row: mmap");
      std::abort();
    }
    reply_ = new (page) Reply{};
    row_.operation = scene.operation();
    row_.state = scene.state();
    row_.mode = mode;
  }
  ~RowRunner() { munmap(reply_, sizeof(Reply)); }
  RowRunner(const RowRunner&) = delete;
  RowRunner& operator=(const RowRunner&) = delete;

  Row run() {
    PinnedToOneCpu pinned(options_.cpu);
    Clock::time_point start = Clock::now();
    switch (mode_) {
      case Mode::kKill:
        kill_everywhere();
        break;
      case Mode::kRecovery:
        kill_recoverers();
        break;
      case Mode::kPause:
        pause_everywhere();
        break;
    }
    row_.points = static_cast<int64_t>(points_.size());
    row_.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    return std::move(row_);
  }

 private:
  static constexpr Tracee::Call kOperate = &Traced::operate;
  static constexpr Tracee::Call kPrepare = &Traced::prepare;
  static constexpr Tracee::Call kRecover = static_cast<Tracee::Call>(&Scene::recover);
  static constexpr Tracee::Call kPrepareRecovery =
      static_cast<Tracee::Call>(&Scene::prepare_recovery);

  // A place where a run can be stopped.
  struct Moment {
    uintptr_t address;
    At at;
    int calls;       // system calls that had returned
    uint64_t state;  // of the shared bytes
  };

  struct Path {
    std::vector<Moment> moments;
    // For each moment the last one before it, or itself, that a breakpoint finds: no other moment since the system
    // call before it has its address.
    std::vector<size_t> anchors;

    bool returned(size_t i) const { return moments[i].at == At::kEnd; }
  };

  // Where a run is: a tracee and how often it was woken.
  struct Run {
    Tracee tracee;
    int sleeps = 0;

    Run(Scene& scene, bool recoverer)
        : tracee(scene, recoverer ? kPrepareRecovery : kPrepare, recoverer ? kRecover : kOperate) {
      if (!recoverer) {
        scene.on_ready();
      }
    }
  };

  uint64_t shared_state() {
    uint64_t hash = 0xcbf29ce484222325;
    for (std::span<const std::byte> bytes : scene_.shared()) {
      hash = hash_bytes(hash, bytes);
    }
    return hash;
  }

  // Steps on from a moment asleep. A recoverer has nobody who wakes it on purpose: what it waits for must come.
  bool wake(Run& run, bool recoverer) { return recoverer || scene_.on_sleep(++run.sleeps); }

  // Runs the operation step by step to its end. Violations of the run itself go into the row.
  Path record(Run& run, bool recoverer) {
    Path path;
    Tracee& t = run.tracee;
    std::unordered_map<uintptr_t, int> last_seen;  // address -> calls + 1
    size_t anchor = 0;
    for (;;) {
      path.moments.push_back({t.address(), t.at(), t.calls(), shared_state()});
      size_t i = path.moments.size() - 1;
      int epoch = t.calls() + 1;
      if (t.at() == At::kInstruction && std::exchange(last_seen[t.address()], epoch) != epoch) {
        anchor = i;
      }
      path.anchors.push_back(anchor);
      if (t.at() == At::kEnd) {
        return path;
      }
      if (t.at() == At::kGone || t.at() == At::kStuck) {
        path.moments.pop_back();
        path.anchors.pop_back();
        Outcome outcome = t.at() == At::kGone ? Outcome::kCrashed : Outcome::kHang;
        report(make(outcome, std::string("while it was stepped: ") + t.gone_text()), i, recoverer,
               t.address());
        return path;
      }
      bool asleep = t.at() == At::kAsleep;
      if (asleep && !wake(run, recoverer)) {
        return path;
      }
      if (t.step(options_.quiet) == At::kAsleep && asleep) {
        report(make(Outcome::kHang, "it sleeps, and what it waits for has come"), i, recoverer,
               t.address());
        return path;
      }
    }
  }

  // Brings a run that has just begun to moment `k` of the path. If it strays from the path it stops after as many steps.
  void follow(Run& run, const Path& path, size_t k, bool recoverer) {
    Tracee& t = run.tracee;
    size_t at = path.anchors[k];
    const Moment& anchor = path.moments[at];
    while (t.calls() < anchor.calls && t.at() == At::kInstruction && t.run() == At::kEntry) {
      while (t.step(options_.quiet) == At::kAsleep) {
        if (!wake(run, recoverer)) {
          break;
        }
      }
    }
    if (t.at() == At::kInstruction) {
      t.run(anchor.address);
    }
    bool strayed = !same_place(t, anchor);
    for (; !strayed && at < k; ++at) {
      if (t.at() == At::kAsleep && !wake(run, recoverer)) {
        break;
      }
      t.step(options_.quiet);
      strayed = !same_place(t, path.moments[at + 1]);
    }
    strayed_ = strayed;
    row_.strayed += strayed ? 1 : 0;
  }

  static bool same_place(const Tracee& t, const Moment& m) {
    return t.at() == m.at && t.address() == m.address && t.calls() == m.calls;
  }

  // The moments at which to stop. Always the first and last, and what stands before and after a change of the shared
  // bytes or a system call.
  std::vector<size_t> chosen(const Path& path) const {
    std::vector<size_t> all;
    size_t n = path.moments.size();
    auto differs = [&](size_t i, size_t j) {
      const Moment& a = path.moments[i];
      const Moment& b = path.moments[j];
      return a.state != b.state || a.calls != b.calls || a.at != b.at;
    };
    for (size_t i = 0; i < n; ++i) {
      bool nth = i % static_cast<size_t>(options_.stride) ==
                 static_cast<size_t>(options_.offset % options_.stride);
      if (nth || i == 0 || i + 1 == n || differs(i - 1, i) || differs(i, i + 1)) {
        all.push_back(i);
      }
    }
    return all;
  }

  void kill_everywhere() {
    Path path = record_victim();
    std::vector<size_t> moments = chosen(path);
    std::optional<size_t> first_effect;
    for (size_t n = 0; n < moments.size() && !enough(); ++n) {
      size_t k = moments[n];
      progress(n, moments.size());
      scene_.set_up();
      uintptr_t address = kill_at(path, k, false);
      Verdict v = judge();
      v = with_effect(std::move(v), path, k, &first_effect);
      report(v, k, false, address);
    }
  }

  void kill_recoverers() {
    Path victim = record_victim();
    // Deaths that leave the same bytes and the same calls done are one death.
    std::vector<size_t> firsts;
    std::unordered_set<uint64_t> seen;
    for (size_t i = 0; i < victim.moments.size(); ++i) {
      const Moment& m = victim.moments[i];
      uint64_t inside =
          m.at == At::kInstruction || m.at == At::kEnd ? 0 : 1 + static_cast<uint64_t>(m.at);
      if (seen.insert(m.state * 31 + static_cast<uint64_t>(m.calls) * 8 + inside).second) {
        firsts.push_back(i);
      }
    }
    row_.instructions = 0;
    points_.clear();
    const size_t step = options_.stride > 1 ? 3 : 1;
    for (size_t n = static_cast<size_t>(options_.offset) % step; n < firsts.size() && !enough();
         n += step) {
      kill_recoverer_of(victim, firsts[n], n, firsts.size());
    }
  }

  void kill_recoverer_of(const Path& victim, size_t i, size_t done, size_t of) {
    first_step_ = static_cast<int64_t>(i);
    // One recovery that nobody kills: its path, and what becomes of the first death.
    scene_.set_up();
    kill_at(victim, i, false, /*counts=*/false);
    scene_.await_helpers_settled();
    Path path;
    {
      Run run(scene_, true);
      path = record(run, true);
      bury(run, true);
    }
    row_.instructions = std::max(row_.instructions, instructions(path));
    Verdict whole = judge();
    report(whole, path.moments.size(), true, 0);
    std::vector<size_t> moments = chosen(path);
    for (size_t n = 0; n < moments.size() && !enough(); ++n) {
      size_t j = moments[n];
      progress(done * moments.size() + n, of * moments.size());
      scene_.set_up();
      kill_at(victim, i, false, /*counts=*/false);
      scene_.await_helpers_settled();
      uintptr_t address = kill_at(path, j, true);
      Verdict v = judge();
      if (v.outcome == Outcome::kOk && v.effect != whole.effect) {
        v = whole.effect == Effect::kYes
                ? lost("had its effect when the recoverer lived, not when it died too")
                : wrong("had no effect when the recoverer lived, but has one when it died too");
      }
      report(v, j, true, address);
    }
  }

  void pause_everywhere() {
    Path path = record_victim();
    std::vector<size_t> moments = chosen(path);
    for (size_t n = 0; n < moments.size() && !enough(); ++n) {
      size_t k = moments[n];
      if (path.moments[k].at == At::kAsleep) {
        continue;
      }
      progress(n, moments.size());
      scene_.set_up();
      Run run(scene_, false);
      follow(run, path, k, false);
      uintptr_t address = run.tracee.address();
      count_point(address);
      scene_.intrude();
      Helper& victim = scene_.release("the one who stood still", run.tracee);
      while (victim.await_asleep() && scene_.on_sleep(++run.sleeps)) {
      }
      Verdict v = judge();
      if (v.outcome == Outcome::kOk && v.effect == Effect::kNo) {
        v = lost("the operation has returned and has no effect");
      }
      report(v, k, false, address);
    }
  }

  Path record_victim() {
    // The first run of all is another one: it finds no freed block, no warm list.
    Path first = record_once();
    return row_.violations != 0 ? first : record_once();
  }

  Path record_once() {
    scene_.set_up();
    Path path;
    {
      Run run(scene_, false);
      path = record(run, false);
      row_.instructions = instructions(path);
      bury(run, false);
    }
    // A run that nobody kills must end well too. It may have come further than any that is killed:
    // where it sleeps in vain, on_sleep() has been asked once more.
    report(judge(), path.moments.size() - 1, false, 0);
    return path;
  }

  // Kills a new victim, or recoverer, at moment `k`; returns where it stood.
  uintptr_t kill_at(const Path& path, size_t k, bool recoverer, bool counts = true) {
    Run run(scene_, recoverer);
    follow(run, path, k, recoverer);
    uintptr_t address = run.tracee.address();
    if (counts) {
      count_point(address);
    }
    bury(run, recoverer);
    return address;
  }

  // The death itself, with what the scene wants to see before and after it.
  void bury(Run& run, bool recoverer) {
    Death death{
        .recoverer = recoverer, .returned = run.tracee.at() == At::kEnd, .sleeps = run.sleeps};
    Verdict seen = scene_.examine(run.tracee.pid(), death);
    if (seen.outcome != Outcome::kOk) {
      examined_ = std::move(seen);
    }
    run.tracee.kill();
    scene_.on_death(death);
  }

  // Lets the survivors look at the world, and ends it.
  Verdict judge() {
    *reply_ = {};
    Verdict v;
    {
      Helper checker("checker", [this] {
        Verdict found = scene_.check();
        reply_->outcome = found.outcome;
        reply_->effect = found.effect;
        std::snprintf(reply_->text, sizeof reply_->text, "%s", found.text.c_str());
        reply_->written = true;
      });
      std::vector<Helper*> everybody{&checker};
      for (Helper& h : scene_.helpers_) {
        everybody.push_back(&h);
      }
      std::string stuck = await_ended(everybody, options_.quiet, options_.limit);
      if (reply_->written) {
        v = {.outcome = reply_->outcome, .effect = reply_->effect, .text = reply_->text};
      }
      if (!stuck.empty()) {
        v = make(Outcome::kHang, v.text.empty() ? stuck : stuck + "; " + v.text);
      }
      for (Helper* h : everybody) {
        if (v.outcome == Outcome::kOk && h->crashed()) {
          v = make(Outcome::kCrashed, h->name() + ": wait status " + std::to_string(h->status()));
        }
      }
    }
    scene_.helpers_.clear();
    std::fill_n(scene_.people_, Scene::kMostHelpers, 0);
    if (v.outcome == Outcome::kOk) {
      Verdict last = scene_.audit();
      if (last.outcome != Outcome::kOk) {
        v = std::move(last);
      } else if (last.effect != Effect::kUnknown) {
        v.effect = last.effect;
      }
    }
    scene_.tear_down();
    if (v.outcome == Outcome::kOk && examined_.outcome != Outcome::kOk) {
      v = std::move(examined_);
    }
    examined_ = {};
    return v;
  }

  // One commit, at one instruction.
  Verdict with_effect(Verdict v, const Path& path, size_t k, std::optional<size_t>* first_effect) {
    // Of a run that left the path it is not known where on the path it died.
    if (v.outcome != Outcome::kOk || strayed_) {
      return v;
    }
    if (v.effect == Effect::kYes && !*first_effect) {
      *first_effect = k;
    }
    if (v.effect == Effect::kNo && path.returned(k)) {
      return lost("the operation has returned and has no effect");
    }
    if (v.effect == Effect::kNo && *first_effect) {
      return lost("has no effect, but had it when killed at step " +
                  std::to_string(**first_effect));
    }
    return v;
  }

  void report(const Verdict& v, size_t k, bool recoverer, uintptr_t address) {
    if (v.outcome == Outcome::kOk) {
      return;
    }
    ++row_.violations;
    int64_t& seen = row_.by_outcome[static_cast<size_t>(v.outcome)];
    if (static_cast<size_t>(++seen) <= kShownOfEach) {
      int64_t step = static_cast<int64_t>(k);
      row_.first.push_back({.outcome = v.outcome,
                            .step = recoverer ? first_step_ : step,
                            .recovery = recoverer ? step : -1,
                            .address = address,
                            .where = address == 0 ? "" : symbol_of(address),
                            .text = v.text});
    }
  }

  void count_point(uintptr_t address) {
    ++row_.deaths;
    if (!Tracee::is_frame(address)) {
      points_.insert(address);
    }
  }

  static int64_t instructions(const Path& path) {
    return std::count_if(path.moments.begin(), path.moments.end(), [](const Moment& m) {
      return m.at == At::kInstruction && !Tracee::is_frame(m.address);
    });
  }

  bool enough() const { return options_.enough > 0 && row_.violations >= options_.enough; }

  void progress(size_t done, size_t of) {
    if (options_.progress && of > 0) {
      options_.progress(static_cast<double>(done) / static_cast<double>(of));
    }
  }

  Scene& scene_;
  const Mode mode_;
  const RowOptions& options_;
  Reply* reply_;
  Row row_;
  std::unordered_set<uintptr_t> points_;
  int64_t first_step_ = 0;  // kRecovery: where the victim died
  Verdict examined_;        // what was seen before a death of this world
  bool strayed_ = false;    // the last run did not follow its path
};

Row run_row(Scene& scene, Mode mode, const RowOptions& options) {
  return RowRunner(scene, mode, options).run();
}

}  // namespace mp::testing
