// mp/testing/lease_scenes.h
//
// What becomes of leases and tasks when somebody dies, as scenes for the killer; templates over how the queue is reached, so
// that the public classes, and their core with a planted bug, go through the same checks. An `Api` has
//
//   static const char* get_name(), finish_name(), ...;   // of the operations
//   static constexpr bool kTellsAttempt;
//   void create(uint64_t maxsize);  void drop();         // in the harness
//   Ring<>* ring();
//   bool put(const std::string&, bool wait);
//   size_t lease(bool wait, char* out);                  // takes one and holds it: its size; 0: none
//   void finish();                                       // what it holds, or a task of somebody else's
//   void give_back();  void let_go();                    // nack(), and its destruction
//   size_t take(char* out, uint32_t* attempt, F between);  // takes one, calls, and acknowledges it
//   void hold(F while_it_does);                          // takes one, calls, and gives it back
//   bool join(bool wait);  void shutdown(bool immediate);  // where there are tasks, and an end
//   void sweep();                                        // as whoever joins a dead process

#ifndef MP_TESTING_LEASE_SCENES_H_
#define MP_TESTING_LEASE_SCENES_H_

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mp/internal/core/channel.h"
#include "mp/internal/core/channel_impl.h"
#include "mp/internal/core/ref.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/os/futex.h"
#include "mp/joinable_queue.h"
#include "mp/lease.h"
#include "mp/lock.h"
#include "mp/queue.h"
#include "mp/testing/family_scene.h"
#include "mp/testing/proc.h"
#include "mp/testing/queue_scenes.h"

namespace mp::testing {

// Messages as texts, and as texts with the last handle to a lock, which must be one that can be used.
struct Laden {
  std::string text;
  std::optional<Lock> lock;
};
inline void load(const std::string& text, std::string* out) { *out = text; }
inline void load(const std::string& text, Laden* out) {
  out->text = text;
  out->lock.emplace();
}
inline size_t unload(const std::string& message, char* out) {
  return message.copy(out, message.size());
}
inline size_t unload(const Laden& message, char* out) {
  size_t size = message.text.copy(out, message.text.size());
  if (!message.lock.has_value() || !message.lock->acquire(0)) {
    out[0] = 0;  // No message has this number.
  } else {
    message.lock->release();
  }
  return size;
}

inline Timeout waiting(bool wait) { return wait ? kForever : Timeout(0); }

// What mp::Queue and mp::JoinableQueue have in common.
template <class Q>
class AnyLeases {
 public:
  using Message = typename Q::value_type;

  void create(uint64_t maxsize) {
    queue_.emplace(static_cast<int64_t>(maxsize));
    ring_ = ring_at(objects_of(*queue_)[0]);
  }
  void drop() {
    held_.reset();
    queue_.reset();
  }
  internal::Ring<>* ring() { return ring_; }
  bool put(const std::string& text, bool wait) {
    Message message;
    load(text, &message);
    return queue_->try_put(message, waiting(wait)).ok();
  }
  void give_back() { held_->nack(); }
  void let_go() { held_.reset(); }
  template <class F>
  size_t take(char* out, uint32_t* attempt, const F& between) {
    auto lease = queue_->try_get_lease(0);
    if (!lease.ok()) {
      return 0;
    }
    size_t size = unload(**lease, out);
    *attempt = lease->attempt();
    between();
    lease->ack();
    return size;
  }
  template <class F>
  void hold(const F& while_it_does) {
    auto lease = queue_->try_get_lease(0);
    while_it_does();
  }
  void shutdown(bool immediate) { queue_->shutdown(immediate); }
  void sweep() { internal::Family::get().sweep_all(); }

 protected:
  size_t get_lease(bool wait, char* out) {
    auto lease = queue_->try_get_lease(waiting(wait));
    if (!lease.ok()) {
      return 0;
    }
    held_.emplace(*std::move(lease));
    return unload(**held_, out);
  }

  std::optional<Q> queue_;
  std::optional<Lease<Message>> held_;
  internal::Ring<>* ring_ = nullptr;
};

template <class T = std::string>
class PublicLeases : public AnyLeases<Queue<T>> {
 public:
  static const char* get_name() { return "Queue.get_lease"; }
  static const char* finish_name() { return "Lease.ack"; }
  static const char* give_back_name() { return "Lease.nack"; }
  static const char* let_go_name() { return "Lease.~Lease"; }
  static const char* shutdown_name() { return "Queue.shutdown"; }
  static constexpr bool kTellsAttempt = true;
  size_t lease(bool wait, char* out) { return this->get_lease(wait, out); }
  void finish() { this->held_->ack(); }
};

class PublicTasks : public AnyLeases<JoinableQueue<std::string>> {
 public:
  static const char* get_name() { return "JoinableQueue.get"; }
  static const char* finish_name() { return "JoinableQueue.task_done"; }
  static const char* join_name() { return "JoinableQueue.join"; }
  static const char* shutdown_name() { return "JoinableQueue.shutdown"; }
  static constexpr bool kTellsAttempt = false;
  size_t lease(bool wait, char* out) {
    absl::StatusOr<std::string> text = queue_->try_get(waiting(wait));
    return text.ok() ? unload(*text, out) : 0;
  }
  void finish() { queue_->task_done(); }
  bool join(bool wait) { return queue_->join(waiting(wait)); }
};

template <class A>
class CoreLeases {
 public:
  static const char* get_name() { return "Queue.get_lease (core)"; }
  static const char* finish_name() { return "Lease.ack (core)"; }
  static const char* give_back_name() { return "Lease.nack (core)"; }
  static const char* let_go_name() { return "Lease.~Lease (core)"; }
  static const char* join_name() { return "JoinableQueue.join (core)"; }
  static constexpr bool kTellsAttempt = true;

  void create(uint64_t maxsize) {
    // The library's own sweep would mend what a planted bug does.
    internal::Family::set_let_go(internal::Kind::kQueue, let_go_of_ring);
    ref_ = internal::Ref::create(internal::Kind::kQueue, sizeof(internal::Ring<>));
    ring()->maxsize = maxsize;
    internal::Channel<> channel(internal::Family::get(), ref_.offset());
    ring()->start(channel.store);
  }
  void drop() { ref_ = internal::Ref(); }
  internal::Ring<>* ring() { return ref_.object<internal::Ring<>>(); }
  bool put(const std::string& text, bool wait) {
    internal::Channel<A> channel = open();
    internal::ChannelWriter<A> writer(channel);
    if (!writer.open(deadline(wait)).ok()) {
      return false;
    }
    std::memcpy(writer.add(text.size()), text.data(), text.size());
    writer.publish();
    return true;
  }
  size_t lease(bool wait, char* out) {
    internal::Channel<A> channel = open();
    internal::ChannelReader<A> reader(channel);
    if (!reader.open(deadline(wait)).ok()) {
      return 0;
    }
    std::span<const std::byte> bytes = reader.message();
    std::memcpy(out, bytes.data(), bytes.size());
    held_ = reader.lease(false);
    return bytes.size();
  }
  void finish() {
    internal::Channel<A> channel = open();
    internal::ChannelLeases<A> leases(channel);
    auto held = std::exchange(held_, {});
    if (held.entry == 0 || !leases.acknowledge(held)) {
      leases.finish_any().IgnoreError();
    }
  }
  void give_back() {
    internal::Channel<A> channel = open();
    internal::ChannelLeases<A>(channel).give_back(held_);
  }
  void let_go() { give_back(); }
  template <class F>
  size_t take(char* out, uint32_t* attempt, const F& between) {
    size_t size = lease(false, out);
    if (size != 0) {
      *attempt = internal::LeaseWord::attempt(held_.word);
      between();
      internal::Channel<A> channel = open();
      internal::ChannelLeases<A>(channel).acknowledge(std::exchange(held_, {}));
    }
    return size;
  }
  template <class F>
  void hold(const F& while_it_does) {
    char bytes[1024];
    lease(false, bytes);
    while_it_does();
    give_back();
  }
  bool join(bool wait) {
    internal::Channel<A> channel = open();
    return internal::ChannelLeases<A>(channel).join(wait ? internal::Deadline::never()
                                                         : internal::Deadline::after(0));
  }
  void sweep() {
    internal::Channel<A> channel = open();
    internal::ChannelLeases<A>(channel).return_of_dead();
  }

 private:
  static void let_go_of_ring(internal::Family& family, uint64_t object) {
    internal::Channel<A> channel(family, object);
    internal::Owner me = internal::Family::self();
    internal::ChannelLeases<A>(channel).return_of(
        family.holder_of(object, me) == me ? internal::Owner{} : me);
  }
  internal::Channel<A> open() {
    return internal::Channel<A>(internal::Family::get(), ref_.offset());
  }
  static internal::Deadline deadline(bool wait) {
    return wait ? internal::Deadline::never() : internal::Deadline::past();
  }

  internal::Ref ref_;
  typename internal::Ring<A>::Leased held_;
};

template <class Api>
class LeaseScene : public FamilyScene {
 public:
  using FamilyScene::FamilyScene;

  // Whoever joins a dead process sweeps what it held.
  void recover() override { api_.sweep(); }
  std::vector<std::span<const std::byte>> shared() override {
    std::vector<std::span<const std::byte>> all = {std::as_bytes(std::span(api_.ring(), 1))};
    if (uint64_t page = api_.ring()->leases.pages.load()) {
      // Its first entries.
      all.emplace_back(family().template at<const std::byte>(page), 256);
    }
    return all;
  }

 protected:
  static constexpr int kBroken = -1;
  static constexpr int kFiller = 20;  // fills most of a queue's first segment
  static constexpr int kProbe = 200;
  // stage().numbers
  enum Told : uint32_t { kGotten, kJoined, kJoinedBehind, kRefused, kEnd };
  static constexpr uint32_t kNothing = 1000;

  void create() override {
    api_.create(maxsize_);
    family().header().large_message = large_;
    if (!first_) {
      open_table();
    }
    for (int id : before_) {
      api_.put(message(id), true);
    }
  }
  void drop() override { api_.drop(); }

  // A text that tells which it is and shows when it is torn.
  std::string message(int id) const {
    std::string text(id == kFiller ? 16200 : size_, '\0');
    for (size_t i = 0; i < text.size(); ++i) {
      text[i] = static_cast<char>(id + 7 * static_cast<int>(i));
    }
    return text;
  }
  int identify(const char* bytes, size_t size) const {
    int id = static_cast<unsigned char>(bytes[0]);
    return message(id) == std::string_view(bytes, size) ? id : kBroken;
  }
  // Its messages are large ones.
  void send_large() {
    size_ = 200;
    large_ = 128;
  }
  // Takes a message that was put, for good, and no lease.
  void take_off() {
    internal::Channel<> channel(family(), family().offset_of(api_.ring()));
    internal::ChannelReader<> reader(channel);
    require(reader.open(internal::Deadline::past()).ok(), "there is nothing to take");
    reader.commit();
  }
  // The calling process, which is none of the harness, gets one and keeps it.
  void hold_one() { require(api_.lease(false, stage().bytes) != 0, "there is nothing to lease"); }

  // For one who has something and keeps it until end(). Unlike an Order it lets him count as settled.
  void await_end() {
    while (stage().numbers[kEnd] == 0) {
      internal::futex_wait(&stage().numbers[kEnd], 0, internal::Deadline::never());
    }
  }
  void end() {
    stage().numbers[kEnd] = 1;
    internal::futex_wake(&stage().numbers[kEnd], internal::kWakeAll);
  }

  // Has taken the first message, and never finishes it.
  Helper& cast_holder() {
    uint64_t received = api_.ring()->received();
    Helper& holder = cast("holder", [this] {
      hold_one();
      await_end();
    });
    require(await([&] { return api_.ring()->received() != received; }), "nobody takes a lease");
    return holder;
  }
  void cast_getter() {
    Helper& getter = cast("sleeping getter", [this] {
      static char bytes[32 << 10];
      size_t size = api_.lease(true, bytes);
      if (size != 0) {
        api_.finish();
      }
      stage().numbers[kGotten] =
          size == 0 ? kNothing : static_cast<uint32_t>(identify(bytes, size));
    });
    require(getter.await_asleep(), "the getter does not fall asleep");
  }
  void cast_joiner(Told which = kJoined) {
    Helper& joiner = cast("sleeping joiner", [this, which] {
      if constexpr (requires { api_.join(true); }) {
        api_.join(true);
      }
      stage().numbers[which] = 1;
    });
    require(joiner.await_asleep(), "the joiner does not fall asleep");
  }
  bool joined() { return stage().numbers[kJoined] != 0 || stage().numbers[kJoinedBehind] != 0; }

  // Takes all that is there, and what the getter has got; a task is not finished while somebody has it.
  struct Found {
    std::vector<int> ids;
    uint32_t first_attempt = 0;  // of message 1
    bool joined_early = false;
  };
  Found take_all() {
    static char bytes[32 << 10];
    Found found;
    uint32_t attempt = 0;
    while (size_t size = api_.take(bytes, &attempt, [&] {
      found.joined_early = found.joined_early || (attempt != 0 && joined());
    })) {
      found.ids.push_back(identify(bytes, size));
      found.first_attempt = found.ids.back() == 1 ? attempt : found.first_attempt;
    }
    if (uint32_t id = stage().numbers[kGotten]; id != 0 && id != kNothing) {
      found.ids.push_back(static_cast<int>(id));
    }
    return found;
  }
  // Each of `all` came once, but for `maybe`, which may be gone; nothing else came, and nothing is left.
  Verdict account(const Found& found, const std::vector<int>& all, int maybe = 0) {
    auto count = [&](int id) { return std::count(found.ids.begin(), found.ids.end(), id); };
    if (count(kBroken) != 0) {
      return torn("a message");
    }
    for (int id : all) {
      if (count(id) > 1) {
        return duplicated("a message came twice");
      }
      if (count(id) == 0 && id != maybe) {
        return lost("a message has not come back");
      }
    }
    for (int id : found.ids) {
      if (std::find(all.begin(), all.end(), id) == all.end()) {
        return duplicated("a message that was done with");
      }
    }
    if (found.joined_early) {
      return wrong("join() returned while somebody had a task");
    }
    internal::RingStore store(family(), family().offset_of(api_.ring()));
    if (api_.ring()->size() != 0 || api_.ring()->returned(store) != 0) {
      return wrong("the empty queue has a size");
    }
    return api_.ring()->is_finished(store, false) ? fine()
                                                  : wrong("nothing is left, and not all finished");
  }
  static bool contains(const Found& found, int id) {
    return std::find(found.ids.begin(), found.ids.end(), id) != found.ids.end();
  }
  // Of its death, whether or not the other one's death is added, the same came.
  static Verdict with_effect(Verdict v, bool effect) {
    return v.outcome == Outcome::kOk ? took_effect(effect) : v;
  }

  Api api_;
  std::vector<int> before_;  // what is there when it begins
  bool first_ = false;       // nothing was ever leased of it
  uint64_t maxsize_ = 0;
  size_t size_ = 96;
  uint32_t large_ = 64 << 10;

 private:
  // By a view: its taker is nobody whose death is watched.
  void open_table() {
    api_.put(message(1), true);
    internal::Channel<> channel(family(), family().offset_of(api_.ring()));
    internal::Ring<>::Leased view;
    {
      internal::ChannelReader<> reader(channel);
      require(reader.open(internal::Deadline::past()).ok(), "there is nothing to view");
      view = reader.lease(true);
    }
    require(view.entry != 0, "no memory");
    internal::ChannelLeases<>(channel).acknowledge(view);
  }
};

enum class LeaseState { kFirst, kQueued, kCrossing, kLarge, kReturned, kOfTheDead };

inline const char* to_string(LeaseState state) {
  constexpr const char* kNames[] = {"the first of its queue", "messages before it",
                                    "into another segment",   "large message",
                                    "one that came back",     "the last holder is dead"};
  return kNames[static_cast<int>(state)];
}

// The victim takes a lease, and dies with it at the latest.
template <class Api>
class LeaseGet : public LeaseScene<Api> {
 public:
  explicit LeaseGet(LeaseState state, bool carries = false)
      : LeaseScene<Api>(Api::get_name(), carries ? "carries a Lock" : to_string(state)),
        state_(state) {
    this->first_ = state == LeaseState::kFirst;
    this->before_ = {1, 2, 3};
    if (state == LeaseState::kCrossing) {
      this->before_ = {this->kFiller, 1, 2};
    } else if (state == LeaseState::kOfTheDead) {
      this->before_ = {1};
    } else if (state == LeaseState::kLarge) {
      this->send_large();
    }
  }
  void operate() override { this->api_.lease(true, this->stage().bytes); }
  void recover() override { this->api_.lease(false, this->stage().bytes + 1024); }
  Verdict examine(pid_t, const Death& death) override {
    recoverer_died_ = recoverer_died_ || death.recoverer;
    std::string first = this->message(1);
    if (death.returned && !death.recoverer &&
        std::memcmp(this->stage().bytes, first.data(), first.size()) != 0) {
      return lost("a get has returned without the first message");
    }
    return fine();
  }
  Verdict check() override {
    auto found = this->take_all();
    std::vector<int> all = this->before_;
    std::erase(all, this->kFiller);
    Verdict v = this->account(found, all);
    // How often it was given out before.
    uint32_t before = state_ == LeaseState::kReturned || state_ == LeaseState::kOfTheDead ? 1 : 0;
    return Api::kTellsAttempt && !recoverer_died_
               ? this->with_effect(v, found.first_attempt == before + 2)
               : v;
  }

 protected:
  void create() override {
    LeaseScene<Api>::create();
    recoverer_died_ = false;
    if (state_ == LeaseState::kCrossing) {
      this->take_off();
    } else if (state_ == LeaseState::kOfTheDead) {
      this->cast_holder().kill();
    } else if (state_ == LeaseState::kReturned) {
      Helper& other = this->cast("one who gives it back", [this] { this->api_.hold([] {}); });
      this->require(this->await([&] { return other.ended(); }), "it is not given back");
    }
  }

 private:
  const LeaseState state_;
  bool recoverer_died_ = false;
};

// The victim sleeps over the empty queue, one more behind it, until a message is put; or until the
// holder of one dies.
template <class Api>
class LeaseGetWoken : public LeaseScene<Api> {
 public:
  explicit LeaseGetWoken(bool by_death)
      : LeaseScene<Api>(Api::get_name(), by_death ? "empty, woken by the holder's death, one behind"
                                                  : "empty, woken sleeper, one behind"),
        by_death_(by_death) {
    if (by_death) {
      this->before_ = {1};
    }
  }
  void operate() override { this->api_.lease(true, this->stage().bytes); }
  void recover() override { this->api_.lease(false, this->stage().bytes + 1024); }
  bool on_sleep(int nth) override {
    if (nth == 1) {
      this->cast_getter();
    }
    if (nth == 1 && by_death_) {
      holder_->kill();
    } else if (nth <= 2) {
      // The second is for the victim whom the other one has forestalled.
      puts_ += 1;
      this->api_.put(this->message(by_death_ ? puts_ + 1 : puts_), true);
    }
    return nth <= 2;
  }
  Verdict check() override {
    this->api_.put(this->message(this->kProbe), true);
    if (!this->await([this] { return !slept_ || this->stage().numbers[this->kGotten] != 0; })) {
      return fine();  // The harness says who hangs.
    }
    std::vector<int> all = {this->kProbe};
    for (int id = 1; id <= puts_ + (by_death_ ? 1 : 0); ++id) {
      all.push_back(id);
    }
    return this->account(this->take_all(), all);
  }
  void on_death(const Death& death) override {
    if (!death.recoverer) {
      slept_ = death.sleeps != 0;
      if (!slept_ && holder_ != nullptr) {
        holder_->kill();
      }
    }
  }

 protected:
  void create() override {
    LeaseScene<Api>::create();
    puts_ = 0;
    slept_ = false;
    holder_ = by_death_ ? &this->cast_holder() : nullptr;
  }

 private:
  const bool by_death_;
  int puts_ = 0;
  bool slept_ = false;
  Helper* holder_ = nullptr;
};

// The victim holds a lease when it begins.
template <class Api>
class LeaseEnd : public LeaseScene<Api> {
 public:
  using LeaseScene<Api>::LeaseScene;
  void prepare() override {
    LeaseScene<Api>::prepare();
    this->hold_one();
  }
};

// The victim has a lease, or a task, and is done with it.
template <class Api>
class LeaseFinish : public LeaseEnd<Api> {
 public:
  // `joiner`: somebody sleeps until all tasks are finished. `more`: another task waits.
  explicit LeaseFinish(const char* state, bool large = false, bool joiner = false,
                       bool more = false)
      : LeaseEnd<Api>(Api::finish_name(), state), joiner_(joiner) {
    this->before_ = more ? std::vector{1, 2} : std::vector{1};
    if (large) {
      this->send_large();
    }
  }
  void on_ready() override {
    if (joiner_) {
      this->cast_joiner();
    }
  }
  void operate() override { this->api_.finish(); }
  Verdict check() override {
    auto found = this->take_all();
    Verdict v = this->account(found, this->before_, 1);
    return this->with_effect(v, !this->contains(found, 1));
  }

 private:
  const bool joiner_;
};

// The victim gives its lease back, or lets go of it, and another one sleeps over the queue: he gets it in any case, and
// nobody else does anything.
template <class Api>
class LeaseGiveBack : public LeaseEnd<Api> {
 public:
  explicit LeaseGiveBack(bool destroy, bool sleeper, bool large = false)
      : LeaseEnd<Api>(destroy ? Api::let_go_name() : Api::give_back_name(),
                      large     ? "large message"
                      : sleeper ? "empty, a sleeper"
                                : "a message behind it"),
        destroy_(destroy),
        sleeper_(sleeper) {
    this->before_ = sleeper ? std::vector{1} : std::vector{1, 2};
    if (large) {
      this->send_large();
    }
  }
  void on_ready() override {
    if (sleeper_) {
      this->cast_getter();
    }
  }
  void operate() override { destroy_ ? this->api_.let_go() : this->api_.give_back(); }
  Verdict check() override {
    if (sleeper_ && !this->await([this] { return this->stage().numbers[this->kGotten] != 0; })) {
      return fine();  // The harness says who hangs.
    }
    return this->account(this->take_all(), this->before_);
  }

 private:
  const bool destroy_;
  const bool sleeper_;
};

// A holder is dead, and the victim sweeps what it held.
template <class Api>
class LeaseSweep : public LeaseScene<Api> {
 public:
  LeaseSweep() : LeaseScene<Api>("sweep", "a dead holder of a lease") { this->before_ = {1, 2}; }
  void operate() override { this->api_.sweep(); }
  Verdict check() override { return this->account(this->take_all(), this->before_); }

 protected:
  void create() override {
    LeaseScene<Api>::create();
    this->cast_holder().kill();
  }
};

// The victim says that a task is finished and has none: it is that of another, or one that came
// back, or one that waits.
enum class Whose { kOfAnother, kCameBack, kWaits };
template <class Api>
class TaskFinishAny : public LeaseScene<Api> {
 public:
  explicit TaskFinishAny(Whose whose)
      : LeaseScene<Api>(Api::finish_name(), whose == Whose::kOfAnother  ? "another has the task"
                                            : whose == Whose::kCameBack ? "the task came back"
                                                                        : "the task waits"),
        whose_(whose) {
    this->before_ = {1};
  }
  void on_ready() override { this->cast_joiner(); }
  void operate() override { this->api_.finish(); }
  Verdict check() override {
    bool finished = this->api_.join(false);
    if (!finished) {
      this->api_.finish();
    }
    this->end();
    // What another has is gone; else, as a message, it is still there.
    int maybe = whose_ == Whose::kOfAnother ? 1 : 0;
    return this->with_effect(this->account(this->take_all(), {1}, maybe), finished);
  }

 protected:
  void create() override {
    LeaseScene<Api>::create();
    if (whose_ == Whose::kOfAnother) {
      this->cast_holder();
    } else if (whose_ == Whose::kCameBack) {
      this->cast_holder().kill();
      this->api_.sweep();
    }
  }

 private:
  const Whose whose_;
};

// The victim waits until the task that somebody has is finished, another one behind it: it is, or its holder dies.
template <class Api>
class TaskJoin : public LeaseScene<Api> {
 public:
  explicit TaskJoin(bool dies)
      : LeaseScene<Api>(Api::join_name(), dies ? "the holder dies" : "woken sleeper, one behind"),
        dies_(dies) {
    this->before_ = {1};
  }
  void operate() override { this->api_.join(true); }
  bool on_sleep(int nth) override {
    if (nth == 1) {
      this->cast_joiner(this->kJoinedBehind);
      if (dies_) {
        worker_->kill();
        return true;
      }
      this->end();
      this->await([this] { return worker_->ended(); });
      return true;
    }
    // The task has come back, and is finished now.
    char bytes[512];
    uint32_t attempt;
    return nth == 2 && dies_ && this->api_.take(bytes, &attempt, [] {}) != 0;
  }
  Verdict check() override {
    this->end();
    this->await([this] { return worker_->ended(); });
    auto found = this->take_all();
    return this->account(found, {1}, 1);
  }

 protected:
  void create() override {
    LeaseScene<Api>::create();
    uint64_t received = this->api_.ring()->received();
    worker_ = &this->cast("worker", [this] {
      this->hold_one();
      this->await_end();
      this->api_.finish();
    });
    this->require(this->await([&] { return this->api_.ring()->received() != received; }),
                  "nobody takes a task");
  }

 private:
  const bool dies_;
  Helper* worker_ = nullptr;
};

// The victim ends a queue of which somebody has a lease, while others sleep over it: one who would
// get (it is empty), or put (it is full), and one who joins.
template <class Api>
class LeaseShutdown : public LeaseScene<Api> {
 public:
  LeaseShutdown(bool immediate, bool full)
      : LeaseScene<Api>(Api::shutdown_name(), std::string(immediate ? "immediate" : "graceful") +
                                                  (full ? ", full" : ", empty") +
                                                  ", a lease is out, sleepers"),
        immediate_(immediate),
        full_(full) {
    this->before_ = {1};
    this->maxsize_ = 1;
  }
  void operate() override { this->api_.shutdown(immediate_); }
  void recover() override { this->api_.shutdown(immediate_); }
  Verdict examine(pid_t, const Death& death) override {
    uint32_t closed = this->api_.ring()->closed.load();
    return death.returned && closed != (immediate_ ? 3u : 1u)
               ? lost("the operation has returned and has no effect")
               : fine();
  }
  // Its slices would wake them; here they are as long as anything.
  Verdict check() override {
    this->api_.shutdown(immediate_);
    bool told = this->await(
        [this] { return this->stage().numbers[full_ ? this->kRefused : this->kGotten] != 0; });
    if (!told) {
      return fine();  // The harness says who hangs.
    }
    if (this->joined()) {
      return wrong("join() returned while somebody had a task");
    }
    if (full_ ? this->stage().numbers[this->kRefused] != 1
              : this->stage().numbers[this->kGotten] != this->kNothing) {
      return wrong("somebody was not told of the end");
    }
    this->end();
    this->await([this] { return holder_->ended(); });
    auto found = this->take_all();
    std::vector<int> all = full_ ? std::vector{1, 2} : std::vector{1};
    if (!immediate_) {
      return this->account(found, all);
    }
    return found.ids.empty() ? fine() : wrong("something was got after the end");
  }

 protected:
  void create() override {
    LeaseScene<Api>::create();
    uint64_t received = this->api_.ring()->received();
    holder_ = &this->cast("holder", [this] { this->api_.hold([this] { this->await_end(); }); });
    this->require(this->await([&] { return this->api_.ring()->received() != received; }),
                  "nobody takes a lease");
    if (full_) {
      this->api_.put(this->message(2), true);
      Helper& putter = this->cast("sleeping putter", [this] {
        this->stage().numbers[this->kRefused] = this->api_.put(this->message(3), true) ? 2 : 1;
      });
      this->require(putter.await_asleep(), "the putter does not fall asleep");
    } else {
      this->cast_getter();
    }
    this->cast_joiner();
  }

 private:
  const bool immediate_;
  const bool full_;
  Helper* holder_ = nullptr;
};

// Nobody dies: while the victim is at it, another one comes.
template <class Api>
class LeaseContended : public LeaseScene<Api> {
 public:
  // It may have to wait for the one who stands still.
  void intrude() override {
    order_.give();
    other_->await_asleep();
  }

 protected:
  using LeaseScene<Api>::LeaseScene;

  // In create(): what it does then.
  void cast_other(const std::function<void()>& work) {
    order_.renew();
    other_ = &this->cast("another", [this, work] {
      order_.wait();
      work();
    });
  }
  // In the checker: also if nobody stood still.
  void await_other() {
    order_.give();
    this->await([this] { return other_->ended(); });
  }

  Helper* other_ = nullptr;
  Order order_;
};

// The victim has a task, another one waits, and each of two says that one is finished: then both are.
template <class Api>
class TaskFinishContended : public LeaseContended<Api> {
 public:
  TaskFinishContended() : LeaseContended<Api>(Api::finish_name(), "another does, too") {
    this->before_ = {1, 2};
  }
  void prepare() override {
    LeaseContended<Api>::prepare();
    this->hold_one();
  }
  void operate() override { this->api_.finish(); }
  Verdict check() override {
    this->await_other();
    return this->api_.join(false) ? fine() : lost("one of two who finished a task finished none");
  }

 protected:
  void create() override {
    LeaseContended<Api>::create();
    this->cast_other([this] { this->api_.finish(); });
  }
};

// The victim sweeps who had a task, and somebody finishes it: it comes back or not, but is finished.
template <class Api>
class TaskSweepContended : public LeaseContended<Api> {
 public:
  TaskSweepContended()
      : LeaseContended<Api>("sweep", "a dead holder's task, which another finishes") {
    this->before_ = {1};
  }
  void operate() override { this->api_.sweep(); }
  Verdict check() override {
    this->await_other();
    return this->api_.join(false) ? fine() : lost("a finished task is one again");
  }

 protected:
  void create() override {
    LeaseContended<Api>::create();
    this->cast_holder().kill();
    this->cast_other([this] { this->api_.finish(); });
  }
};

// The victim asks whether all tasks are finished, which they never are: another one takes the last.
template <class Api>
class TaskJoinContended : public LeaseContended<Api> {
 public:
  TaskJoinContended() : LeaseContended<Api>(Api::join_name(), "polls, another takes the task") {
    this->before_ = {1};
  }
  void operate() override {
    if (this->api_.join(false)) {
      this->stage().numbers[this->kJoined] = 1;
    }
  }
  void intrude() override {
    uint64_t received = this->api_.ring()->received();
    this->order_.give();
    this->await([&] {
      return this->api_.ring()->received() != received || asleep_in_futex(this->other_->pid());
    });
  }
  Verdict check() override {
    bool early = this->joined();
    this->end();
    this->await_other();
    return early ? wrong("join() returned while somebody had a task")
                 : this->account(this->take_all(), {1});
  }

 protected:
  void create() override {
    LeaseContended<Api>::create();
    this->cast_other([this] { this->api_.hold([this] { this->await_end(); }); });
  }
};

}  // namespace mp::testing

#endif  // MP_TESTING_LEASE_SCENES_H_
