// mp/testing/queue_scenes.h
//
// What can happen to a queue when somebody dies, as scenes for the killer; templates over how the
// queue is reached, so that the public classes, and their core with a planted bug, go through the
// same checks. An `Api` has
//
//   static const char* put_name();  get_name();
//   static constexpr bool kCopiesOut;             // the message is copied before the commit
//   void create(uint64_t maxsize);  void drop();  // in the harness
//   Ring<>* ring();                               // the one that messages go through
//   bool put(const std::string&, bool wait);
//   bool get(bool wait, char* out, size_t* size);
//   void put_many(const std::vector<std::string>&);
//   size_t get_many(size_t most, char* out);      // their bytes one after the other

#ifndef MP_TESTING_QUEUE_SCENES_H_
#define MP_TESTING_QUEUE_SCENES_H_

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mp/internal/core/channel.h"
#include "mp/internal/core/channel_impl.h"
#include "mp/internal/core/ref.h"
#include "mp/pipe.h"
#include "mp/queue.h"
#include "mp/testing/family_scene.h"

namespace mp::testing {

// The ring at `offset`; what else the scenes need of it.
inline internal::Ring<>* ring_at(uint64_t offset) {
  return internal::Family::get().at<internal::Ring<>>(offset);
}

// The arena offsets of the objects behind a handle.
template <class H>
std::vector<uint64_t> objects_of(const H& handle) {
  internal::Encoder& encoder = Encoder::local();
  internal::encode_message(encoder, handle);
  return {encoder.handles().begin(), encoder.handles().end()};
}

// mp::Queue as users have it.
class PublicQueue {
 public:
  static const char* put_name() { return "Queue.put"; }
  static const char* get_name() { return "Queue.get"; }
  static constexpr bool kCopiesOut = false;
  void create(uint64_t maxsize) {
    queue_.emplace(static_cast<int64_t>(maxsize));
    ring_ = ring_at(objects_of(*queue_)[0]);
  }
  void drop() { queue_.reset(); }
  internal::Ring<>* ring() { return ring_; }
  bool put(const std::string& text, bool wait) {
    return queue_->try_put(text, wait ? kForever : Timeout(0)).ok();
  }
  bool get(bool wait, char* out, size_t* size) {
    absl::StatusOr<std::string> text = queue_->try_get(wait ? kForever : Timeout(0));
    if (text.ok()) {
      *size = text->copy(out, text->size());
    }
    return text.ok();
  }
  void put_many(const std::vector<std::string>& texts) { queue_->put_many(texts); }
  size_t get_many(size_t most, char* out) {
    std::vector<std::string> texts = queue_->get_many(most);
    for (const std::string& text : texts) {
      out += text.copy(out, text.size());
    }
    return texts.size();
  }

 private:
  std::optional<Queue<std::string>> queue_;
  internal::Ring<>* ring_ = nullptr;
};

// The two ends of a Pipe; messages go one way.
class PublicPipe {
 public:
  static const char* put_name() { return "Connection.send"; }
  static const char* get_name() { return "Connection.recv"; }
  static constexpr bool kCopiesOut = false;
  void create(uint64_t) {
    auto [a, b] = Pipe();
    // Of a connection: the end, what it reads and what it writes.
    ring_ = ring_at(objects_of(a)[2]);
    a_.emplace(a);
    b_.emplace(b);
  }
  void drop() {
    a_.reset();
    b_.reset();
  }
  internal::Ring<>* ring() { return ring_; }
  bool put(const std::string& text, bool wait) {
    internal::RingStore store(internal::Family::get(), internal::Family::get().offset_of(ring_));
    if (!wait && !ring_->has_room(store)) {
      return false;
    }
    a_->send(text);
    return true;
  }
  bool get(bool wait, char* out, size_t* size) {
    if (!wait && !b_->poll()) {
      return false;
    }
    std::string text = b_->recv<std::string>();
    *size = text.copy(out, text.size());
    return true;
  }
  std::optional<Connection>& sender() { return a_; }
  std::optional<Connection>& receiver() { return b_; }

 private:
  std::optional<Connection> a_;
  std::optional<Connection> b_;
  internal::Ring<>* ring_ = nullptr;
};

// The core of both, with atomics of one's own.
template <class A>
class CoreQueue {
 public:
  static const char* put_name() { return "Queue.put (core)"; }
  static const char* get_name() { return "Queue.get (core)"; }
  static constexpr bool kCopiesOut = true;
  void create(uint64_t maxsize) {
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
    if (std::byte* at = writer.add(text.size())) {
      std::memcpy(at, text.data(), text.size());
      writer.publish();
    }
    return true;
  }
  bool get(bool wait, char* out, size_t* size) {
    internal::Channel<A> channel = open();
    internal::ChannelReader<A> reader(channel);
    if (!reader.open(deadline(wait)).ok()) {
      return false;
    }
    std::span<const std::byte> bytes = reader.message();
    *size = bytes.size();
    std::memcpy(out, bytes.data(), bytes.size());
    reader.commit();
    return true;
  }

 private:
  internal::Channel<A> open() {
    return internal::Channel<A>(internal::Family::get(), ref_.offset());
  }
  static internal::Deadline deadline(bool wait) {
    return wait ? internal::Deadline::never() : internal::Deadline::past();
  }

  internal::Ref ref_;
};

template <class Api>
class QueueScene : public FamilyScene {
 public:
  QueueScene(std::string operation, std::string state)
      : FamilyScene(std::move(operation), std::move(state)) {}

  Verdict examine(pid_t, const Death& death) override {
    if (!gets_) {
      return fine();
    }
    uint64_t got = api_.ring()->received();
    uint64_t taken = got - seen_got_;
    seen_got_ = got;
    if (death.recoverer) {
      taken_by_recoverer_ = taken;
      return fine();
    }
    taken_by_victim_ = taken;
    std::string wanted;
    for (uint64_t i = 0; i < taken && i < queued_.size(); ++i) {
      wanted += message(queued_[i]);
    }
    bool can_tell = Api::kCopiesOut || death.returned;
    if (can_tell && std::memcmp(stage().bytes, wanted.data(), wanted.size()) != 0) {
      return lost("the message is off the queue, and the getter has not got it all");
    }
    if (death.returned && taken != takes_) {
      return lost("a get has returned without what is there");
    }
    return fine();
  }

  // One put and one get set right what the death has cost; then everything must be there, here or
  // with the helpers.
  Verdict check() override {
    std::vector<int> all;
    if (survivor_gets_first_) {
      take_one(&all);
    }
    while (!api_.put(message(kProbe), false)) {
      take_one(&all);
    }
    // Who was woken by a get puts one more.
    for (bool more = true; more;) {
      await_helpers_settled();
      more = false;
      while (take_one(&all)) {
        more = true;
      }
    }
    for (uint32_t i = 0; i < sleepers_; ++i) {
      if (uint32_t id = stage().numbers[i]; id != 0) {
        all.push_back(static_cast<int>(id));
      }
    }
    return account(all);
  }

  std::vector<std::span<const std::byte>> shared() override {
    return {std::as_bytes(std::span(api_.ring(), 1)),
            std::span(family().template at<const std::byte>(tail_), 512)};
  }

 protected:
  static constexpr int kVictims = 100;  // and those after it
  static constexpr int kRecoverers = 150;
  static constexpr int kSleepers = 160;  // and those after it
  static constexpr int kProbe = 200;
  static constexpr int kBroken = -1;
  // Messages from here on fill a segment each.
  static constexpr int kFillers = 20;
  static constexpr int kFillersEnd = 60;

  void create() override {
    api_.create(maxsize_);
    family().header().large_message = large_;
    taken_by_victim_ = taken_by_recoverer_ = taken_before_ = 0;
    sleepers_ = 0;
    fill();
    queued_ = before_;
    for (int id : queued_) {
      api_.put(message(id), true);
    }
    seen_got_ = api_.ring()->received();
    tail_ = api_.ring()->tail[api_.ring()->put.load() & 1].get().at;
  }
  void drop() override { api_.drop(); }
  virtual void fill() {}

  // A text that tells which it is and shows when it is torn.
  std::string message(int id) const {
    std::string text(id >= kFillers && id < kFillersEnd ? kFillerSize : size_, '\0');
    for (size_t i = 0; i < text.size(); ++i) {
      text[i] = static_cast<char>(id + 7 * static_cast<int>(i));
    }
    return text;
  }

  // In the harness, while the victim sleeps: one message more, or one less.
  void put_meanwhile(int id) {
    require(api_.put(message(id), false), "there is no room");
    queued_.push_back(id);
  }
  void take_before() {
    int id = 0;
    require(get(false, &id), "there is nothing to take");
    ++taken_before_;
    seen_got_ = api_.ring()->received();
  }
  bool get(bool wait, int* id) {
    static char bytes[32 << 10];
    size_t size = 0;
    if (!api_.get(wait, bytes, &size)) {
      return false;
    }
    *id = static_cast<unsigned char>(bytes[0]);
    *id = message(*id) == std::string_view(bytes, size) ? *id : kBroken;
    return true;
  }

  // Helpers who sleep over the queue, numbered from 0.
  void cast_getter(uint32_t i) {
    cast_one("sleeping getter", [this, i] {
      int id = 0;
      get(true, &id);
      stage().numbers[i] = static_cast<uint32_t>(id);
    });
  }
  void cast_putter(uint32_t i) {
    sleepers_put_ = true;
    cast_one("sleeping putter",
             [this, i] { api_.put(message(kSleepers + static_cast<int>(i)), true); });
  }

  Api api_;
  std::vector<int> before_;  // what is there when it begins
  std::vector<int> queued_;  // and what was put while the victim slept
  std::vector<int> puts_;    // what the victim puts
  bool gets_ = false;        // the victim gets
  uint64_t takes_ = 1;       // so many
  bool survivor_gets_first_ = false;
  uint64_t maxsize_ = 0;
  size_t size_ = 96;
  uint32_t large_ = 64 << 10;

 private:
  static constexpr size_t kFillerSize = 16200;

  void cast_one(const char* name, const std::function<void()>& body) {
    ++sleepers_;
    Helper& sleeper = this->cast(name, body);
    require(sleeper.await_asleep(), "the helper does not fall asleep");
  }

  bool take_one(std::vector<int>* all) {
    int id = 0;
    bool any = get(false, &id);
    if (any) {
      all->push_back(id);
    }
    return any;
  }

  Verdict account(const std::vector<int>& all) {
    auto count = [&](int id) { return std::count(all.begin(), all.end(), id); };
    if (count(kBroken) != 0) {
      return torn("a message");
    }
    // In order: what was there, the victim's, the survivor's.
    std::vector<int> order;
    uint64_t gone = taken_before_ + taken_by_victim_ + taken_by_recoverer_;
    for (size_t i = gone; i < queued_.size(); ++i) {
      order.push_back(queued_[i]);
      if (count(queued_[i]) == 0) {
        return lost("a message of before");
      }
    }
    bool put = !puts_.empty() && count(puts_[0]) != 0;
    for (int id : puts_) {
      order.push_back(id);
      if ((count(id) != 0) != put) {
        return torn("a part of a batch was put");
      }
    }
    order.push_back(kRecoverers);
    order.push_back(kProbe);
    if (count(kProbe) == 0) {
      return lost("the survivor's message");
    }
    // The recoverer may have taken what a sleeper has put.
    uint64_t missing = 0;
    for (uint32_t i = 0; sleepers_put_ && i < sleepers_; ++i) {
      missing += count(kSleepers + static_cast<int>(i)) == 0 ? 1 : 0;
    }
    if (missing > gone - std::min<uint64_t>(gone, queued_.size())) {
      return lost("a sleeper's message");
    }
    for (int id : all) {
      if (count(id) > 1) {
        return duplicated("a message came twice");
      }
      bool is_known = std::find(order.begin(), order.end(), id) != order.end() ||
                      (sleepers_put_ && id >= kSleepers && id < kSleepers + 8);
      if (!is_known) {
        return duplicated("a message that was taken before");
      }
    }
    size_t last = 0;
    for (int id : all) {
      auto at = std::find(order.begin(), order.end(), id);
      if (at != order.end() && sleepers_ == 0) {
        size_t place = static_cast<size_t>(at - order.begin());
        if (place < last) {
          return wrong("messages are out of order");
        }
        last = place;
      }
    }
    if (api_.ring()->size() != 0) {
      return wrong("the size of the empty queue is " + std::to_string(api_.ring()->size()));
    }
    if (gets_) {
      return takes_ == 0 ? fine() : took_effect(taken_by_victim_ != 0);
    }
    return puts_.empty() ? fine() : took_effect(put);
  }

  uint64_t tail_ = 0;
  uint64_t seen_got_ = 0;
  uint64_t taken_before_ = 0;
  uint64_t taken_by_victim_ = 0;
  uint64_t taken_by_recoverer_ = 0;
  uint32_t sleepers_ = 0;
  bool sleepers_put_ = false;
};

enum class QueueState { kEmpty, kQueued, kWrapping, kLarge, kGrowing };

inline const char* to_string(QueueState state) {
  constexpr const char* kNames[] = {"empty", "messages before it", "wrapping", "large message",
                                    "into a larger segment"};
  return kNames[static_cast<int>(state)];
}

template <class Api>
class FilledQueue : public QueueScene<Api> {
 protected:
  FilledQueue(std::string operation, QueueState state)
      : QueueScene<Api>(std::move(operation), to_string(state)), state_(state) {
    if (state == QueueState::kLarge) {
      this->size_ = 200;
      this->large_ = 128;
    }
  }
  // Wrapping: leaves less room in the first segment than one message takes.
  void fill() override {
    if (state_ != QueueState::kWrapping) {
      return;
    }
    std::string big(1000, 'x');
    std::string small(1, 'x');
    uint64_t big_cost = cost(big);
    uint64_t small_cost = cost(small);
    uint64_t need = cost(std::string(this->size_, 'x'));
    this->require(small_cost <= need, "a message is smaller than what fills up");
    while (room() >= big_cost + need) {
      put_and_take(big);
    }
    while (room() >= need) {
      put_and_take(small);
    }
  }

 private:
  uint64_t room() {
    internal::RingStore store(this->family(), this->family().offset_of(this->api_.ring()));
    internal::Ring<>* ring = this->api_.ring();
    internal::Ring<>::Position tail = ring->tail[ring->put.load() & 1].get();
    return internal::Ring<>::segment_at(store, tail.segment).end - tail.at;
  }
  // What a message takes from the room.
  uint64_t cost(const std::string& text) {
    uint64_t before = room();
    put_and_take(text);
    return before - room();
  }
  void put_and_take(const std::string& text) {
    char bytes[2048];
    size_t size = 0;
    this->api_.put(text, true);
    this->api_.get(false, bytes, &size);
  }

  const QueueState state_;
};

template <class Api>
class QueuePut : public FilledQueue<Api> {
 public:
  explicit QueuePut(QueueState state) : FilledQueue<Api>(Api::put_name(), state) {
    if (state == QueueState::kQueued || state == QueueState::kLarge) {
      this->before_ = {1};
    } else if (state == QueueState::kGrowing) {
      // As many full segments as there may be before the next one is larger.
      for (int i = 0; i < static_cast<int>(internal::Ring<>::kCached); ++i) {
        this->before_.push_back(this->kFillers + i);
      }
    }
    this->puts_ = {this->kVictims};
    text_ = this->message(this->kVictims);
    recovery_ = this->message(this->kRecoverers);
  }
  void operate() override { this->api_.put(text_, true); }
  void recover() override { this->api_.put(recovery_, false); }

 private:
  std::string text_;
  std::string recovery_;
};

template <class Api>
class QueueGet : public FilledQueue<Api> {
 public:
  explicit QueueGet(QueueState state) : FilledQueue<Api>(Api::get_name(), state) {
    this->gets_ = true;
    this->before_ = {1, 2, 3};
  }
  void operate() override {
    size_t size = 0;
    this->api_.get(true, this->stage().bytes, &size);
  }
  void recover() override {
    size_t size = 0;
    this->api_.get(false, this->stage().bytes + 1024, &size);
  }
};

// Into a full queue. Without `wait` it is a poll; else the victim sleeps, one more behind it, until
// the harness makes room for one.
template <class Api>
class QueuePutFull : public QueueScene<Api> {
 public:
  explicit QueuePutFull(bool wait)
      : QueueScene<Api>(Api::put_name(), wait ? "full, woken sleeper, one behind" : "full, polls"),
        wait_(wait) {
    this->maxsize_ = 1;
    this->before_ = {1};
    this->survivor_gets_first_ = true;
    if (wait) {
      this->puts_ = {this->kVictims};
    }
    text_ = this->message(this->kVictims);
    recovery_ = this->message(this->kRecoverers);
  }
  void fill() override {
    // The first error text of a process is dearer than the others: it is paid for here.
    this->api_.put(text_, true);
    this->require(!this->api_.put(text_, false), "the queue is not full");
    int id = 0;
    this->get(false, &id);
  }
  void operate() override { this->api_.put(text_, wait_); }
  bool on_sleep(int nth) override {
    if (nth == 1) {
      this->cast_putter(0);
      this->take_before();
    }
    return nth == 1;
  }
  void recover() override { this->api_.put(recovery_, false); }

 private:
  const bool wait_;
  std::string text_;
  std::string recovery_;
};

// From an empty queue. Without `wait` it is a poll; else the victim sleeps, one more behind it,
// until the harness puts a message.
template <class Api>
class QueueGetEmpty : public QueueScene<Api> {
 public:
  explicit QueueGetEmpty(bool wait)
      : QueueScene<Api>(Api::get_name(),
                        wait ? "empty, woken sleeper, one behind" : "empty, polls"),
        wait_(wait) {
    this->gets_ = true;
    this->takes_ = wait ? 1 : 0;
  }
  void operate() override {
    size_t size = 0;
    this->api_.get(wait_, this->stage().bytes, &size);
  }
  bool on_sleep(int nth) override {
    if (nth == 1) {
      this->cast_getter(0);
      this->put_meanwhile(1);
    }
    return nth == 1;
  }
  void recover() override {
    size_t size = 0;
    this->api_.get(false, this->stage().bytes + 1024, &size);
  }

 private:
  const bool wait_;
};

// Others sleep over the empty queue.
template <class Api>
class QueuePutBesideSleeper : public QueuePut<Api> {
 public:
  QueuePutBesideSleeper() : QueuePut<Api>(QueueState::kEmpty) { this->rename("empty, a sleeper"); }
  void on_ready() override { this->cast_getter(0); }
};

// Others sleep over the full queue.
template <class Api>
class QueueGetBesideSleeper : public QueueScene<Api> {
 public:
  QueueGetBesideSleeper() : QueueScene<Api>(Api::get_name(), "full, a sleeper") {
    this->gets_ = true;
    this->maxsize_ = 1;
    this->before_ = {1};
  }
  void on_ready() override { this->cast_putter(0); }
  void operate() override {
    size_t size = 0;
    this->api_.get(true, this->stage().bytes, &size);
  }
  void recover() override {
    size_t size = 0;
    this->api_.get(false, this->stage().bytes + 1024, &size);
  }
};

// Three messages at once, each in a segment of its own.
template <class Api>
class QueuePutMany : public FilledQueue<Api> {
 public:
  QueuePutMany() : FilledQueue<Api>("Queue.put_many", QueueState::kLarge) {
    this->rename("over three segments");
    this->before_ = {1};
    this->puts_ = {this->kVictims, this->kVictims + 1, this->kVictims + 2};
    for (int id : this->puts_) {
      texts_.push_back(this->message(id));
    }
    recovery_ = this->message(this->kRecoverers);
  }
  void operate() override { this->api_.put_many(texts_); }
  void recover() override { this->api_.put(recovery_, false); }

 private:
  std::vector<std::string> texts_;
  std::string recovery_;
};

template <class Api>
class QueueGetMany : public FilledQueue<Api> {
 public:
  QueueGetMany() : FilledQueue<Api>("Queue.get_many", QueueState::kLarge) {
    this->rename("over three segments");
    this->gets_ = true;
    this->takes_ = 3;
    this->before_ = {1, 2, 3, 4};
  }
  void operate() override { this->api_.get_many(3, this->stage().bytes); }
  void recover() override {
    size_t size = 0;
    this->api_.get(false, this->stage().bytes + 1024, &size);
  }
};

// A pipe whose receiver is as far behind as it may be: the sender sleeps, until a segment is free.
class PipeSendFull : public QueueScene<PublicPipe> {
 public:
  PipeSendFull() : QueueScene(PublicPipe::put_name(), "full, woken sleeper") {
    constexpr int kWindow = 32;
    for (int i = 0; i < kWindow; ++i) {
      before_.push_back(kFillers + i);
    }
    puts_ = {kVictims};
    survivor_gets_first_ = true;
    text_ = message(kVictims);
    recovery_ = message(kRecoverers);
  }
  void operate() override { api_.put(text_, true); }
  bool on_sleep(int nth) override {
    // The second one leaves the first segment.
    take_before();
    take_before();
    return nth == 1;
  }
  void recover() override { api_.put(recovery_, false); }

 private:
  std::string text_;
  std::string recovery_;
};

// The victim is the last holder of one end of a pipe: what it has sent arrives, then the end.
class PipeSendLastHolder : public FamilyScene {
 public:
  PipeSendLastHolder() : FamilyScene(PublicPipe::put_name(), "last holder of its end") {}
  void on_ready() override { pipe_.sender().reset(); }
  void operate() override { pipe_.sender()->send(text_); }
  // Whoever joins a dead process sweeps what it held.
  void recover() override { family().sweep_all(); }
  Verdict check() override {
    family().sweep_all();
    bool came = false;
    try {
      for (;;) {
        if (pipe_.receiver()->recv<std::string>() != text_ || came) {
          return torn("the message");
        }
        came = true;
      }
    } catch (const EOFError&) {
    }
    try {
      pipe_.receiver()->send(text_);
      return wrong("a message was sent to nobody");
    } catch (const BrokenPipeError&) {
    }
    return took_effect(came);
  }
  std::vector<std::span<const std::byte>> shared() override {
    return {std::as_bytes(std::span(pipe_.ring(), 1)),
            std::as_bytes(std::span(&family().header().family_lock, 1))};
  }

 protected:
  void create() override { pipe_.create(0); }
  void drop() override { pipe_.drop(); }

 private:
  PublicPipe pipe_;
  const std::string text_ = std::string(96, 'm');
};

// Closing one end while two sleep at the other: as its last holder, or beside another one, who is
// killed when the victim is dead. Nobody sweeps but the sleepers, who have to learn of each death.
class PipeClose : public FamilyScene {
 public:
  explicit PipeClose(bool last)
      : FamilyScene("Connection.close", last ? "last holder, two sleepers"
                                             : "beside a holder that dies later, two sleepers"),
        last_(last) {}
  void on_ready() override {
    holder_ = nullptr;
    if (!last_) {
      holder_ = &cast("another holder", [this] { never_.wait(); });
    }
    for (int i : {0, 1}) {
      Helper& sleeper = cast("sleeping receiver", [this, i] {
        pipe_.sender().reset();
        try {
          pipe_.receiver()->recv<std::string>();
          stage().numbers[i] = kMessage;
        } catch (const EOFError&) {
          stage().numbers[i] = kEnd;
        }
      });
      require(sleeper.await_asleep(), "the receiver does not fall asleep");
    }
    pipe_.sender().reset();
  }
  void operate() override { pipe_.sender()->close(); }
  void on_death(const Death&) override {
    if (holder_ != nullptr) {
      holder_->kill();
    }
  }
  Verdict check() override {
    for (int i : {0, 1}) {
      if (!await([&] { return stage().numbers[i] != 0; })) {
        return fine();  // The harness says who hangs.
      }
      if (stage().numbers[i] != kEnd) {
        return wrong("a message that nobody sent");
      }
    }
    return fine();
  }
  std::vector<std::span<const std::byte>> shared() override {
    return {std::as_bytes(std::span(pipe_.ring(), 1)),
            std::as_bytes(std::span(&family().header().family_lock, 1))};
  }

 protected:
  void create() override { pipe_.create(0); }
  void drop() override { pipe_.drop(); }

 private:
  enum : uint32_t { kMessage = 1, kEnd };

  const bool last_;
  PublicPipe pipe_;
  Helper* holder_ = nullptr;
  Order never_;
};

}  // namespace mp::testing

#endif  // MP_TESTING_QUEUE_SCENES_H_
