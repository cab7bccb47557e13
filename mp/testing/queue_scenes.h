// mp/testing/queue_scenes.h
//
// What can happen to a queue when somebody dies, as scenes for the killer: templates over the
// atomics policy of its core, so that planted bugs go through the same checks.

#ifndef MP_TESTING_QUEUE_SCENES_H_
#define MP_TESTING_QUEUE_SCENES_H_

#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "mp/internal/core/channel.h"
#include "mp/internal/core/channel_impl.h"
#include "mp/internal/core/ref.h"
#include "mp/testing/family_scene.h"

namespace mp::testing {

// A message that tells which it is and shows when it is torn.
inline std::string queue_message(int id, size_t size = 96) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) {
    text[i] = static_cast<char>(id + 7 * static_cast<int>(i));
  }
  return text;
}

template <class A>
class QueueScene : public FamilyScene {
 public:
  QueueScene(const char* operation, std::string state)
      : FamilyScene(std::string("Queue.") + operation, std::move(state)) {}

  Verdict examine(pid_t, const Death& death) override {
    uint64_t got = ring()->received();
    uint64_t taken = got - seen_got_;
    seen_got_ = got;
    if (death.recoverer) {
      taken_by_recoverer_ = taken;
      return fine();
    }
    taken_by_victim_ = taken;
    if (taken == 1 && std::memcmp(stage().bytes, first_.data(), first_.size()) != 0) {
      return lost("the message is off the queue, and the getter has not got it all");
    }
    return fine();
  }

  // One put and one get set right what the death has cost; then everything must be there.
  Verdict check() override {
    put(kProbe);
    std::vector<std::string> all;
    for (std::string text; get(internal::Deadline::past(), &text);) {
      all.push_back(text);
    }
    size_t at = 0;
    for (size_t i = taken_by_victim_ + taken_by_recoverer_; i < queued_.size(); ++i, ++at) {
      if (at >= all.size() || all[at] != message(queued_[i])) {
        return at < all.size() && !known(all[at]) ? torn("a message of before")
                                                  : lost("a message of before");
      }
    }
    bool put_by_victim = at < all.size() && all[at] == message(kVictimsMessage);
    at += put_by_victim ? 1 : 0;
    at += at < all.size() && all[at] == message(kRecoverersMessage) ? 1 : 0;
    if (at >= all.size() || all[at] != message(kProbe)) {
      return at < all.size() && !known(all[at]) ? torn("the victim's message")
                                                : lost("the survivor's message");
    }
    if (at + 1 != all.size()) {
      return duplicated("more messages than were put");
    }
    if (ring()->size() != 0) {
      return wrong("the size of the empty queue is " + std::to_string(ring()->size()));
    }
    return gets_ ? took_effect(taken_by_victim_ != 0) : took_effect(put_by_victim);
  }

  std::vector<std::span<const std::byte>> shared() override {
    return {std::as_bytes(std::span(ring(), 1)),
            std::span(family().template at<const std::byte>(tail_), 512)};
  }

 protected:
  static constexpr int kVictimsMessage = 100;
  static constexpr int kRecoverersMessage = 150;
  static constexpr int kProbe = 200;

  void create() override {
    ref_ = internal::Ref::create(internal::Kind::kQueue, sizeof(internal::Ring<>));
    internal::Channel<> channel(family(), ref_.offset());
    require(channel.ring->start(channel.store), "no memory for a queue");
    family().header().large_message = large_;
    taken_by_victim_ = taken_by_recoverer_ = seen_got_ = 0;
    fill();
    seen_got_ = ring()->received();
    tail_ = ring()->tail[ring()->put.load() & 1].get().at;
    first_ = queued_.empty() ? "" : message(queued_[0]);
  }
  void drop() override { ref_ = internal::Ref(); }
  virtual void fill() {
    for (int id : queued_) {
      put(id);
    }
  }

  internal::Ring<>* ring() { return ref_.object<internal::Ring<>>(); }
  std::string message(int id) const { return queue_message(id, size_); }
  bool known(const std::string& text) const {
    for (int id : {1, 2, 3, kVictimsMessage, kRecoverersMessage, kProbe}) {
      if (text == message(id)) {
        return true;
      }
    }
    return false;
  }

  void put(int id) {
    std::string text = message(id);
    put_bytes(text.data(), text.size());
  }
  void put_bytes(const char* data, size_t size) {
    internal::Channel<A> channel(family(), ref_.offset());
    internal::ChannelWriter<A> writer(channel);
    if (writer.open(internal::Deadline::never()).ok()) {
      if (std::byte* at = writer.add(size)) {
        std::memcpy(at, data, size);
        writer.publish();
      }
    }
  }
  // The victim's way: into memory that the harness sees.
  bool get_into(internal::Deadline deadline, char* out, size_t* size) {
    internal::Channel<A> channel(family(), ref_.offset());
    internal::ChannelReader<A> reader(channel);
    if (!reader.open(deadline).ok()) {
      return false;
    }
    std::span<const std::byte> bytes = reader.message();
    if constexpr (A::kBug == internal::Bug::kCommitBeforeCopyOut) {
      reader.commit();
    }
    *size = bytes.size();
    std::memcpy(out, bytes.data(), bytes.size());
    if constexpr (A::kBug != internal::Bug::kCommitBeforeCopyOut) {
      reader.commit();
    }
    return true;
  }
  bool get(internal::Deadline deadline, std::string* out) {
    char bytes[1024];
    size_t size = 0;
    bool any = get_into(deadline, bytes, &size);
    out->assign(bytes, any ? size : 0);
    return any;
  }

  internal::Ref ref_;
  std::vector<int> queued_;
  bool gets_ = false;
  size_t size_ = 96;
  uint32_t large_ = 64 << 10;

 private:
  uint64_t tail_ = 0;
  uint64_t seen_got_ = 0;
  uint64_t taken_by_victim_ = 0;
  uint64_t taken_by_recoverer_ = 0;
  std::string first_;
};

enum class QueueState { kEmpty, kQueued, kWrapping, kLarge };

inline const char* to_string(QueueState state) {
  constexpr const char* kNames[] = {"empty", "messages before it", "wrapping", "large message"};
  return kNames[static_cast<int>(state)];
}

// Leaves less room in the first segment than one message takes.
template <class A>
class FilledQueue : public QueueScene<A> {
 protected:
  FilledQueue(const char* operation, QueueState state)
      : QueueScene<A>(operation, to_string(state)), state_(state) {
    if (state == QueueState::kLarge) {
      this->size_ = 200;
      this->large_ = 128;
    }
  }
  void fill() override {
    if (state_ == QueueState::kWrapping) {
      std::string text(1000, 'x');
      auto room = [this] {
        internal::Channel<> channel(this->family(), this->ref_.offset());
        auto& segment = internal::Ring<>::segment_at(
            channel.store, this->ring()->tail[this->ring()->put.load() & 1].get().segment);
        return segment.end - this->ring()->tail[this->ring()->put.load() & 1].get().at;
      };
      size_t before = this->gets_ ? (this->size_ + 8) : 0;
      while (room() >= before + this->size_ + 8 + 1008) {
        this->put_bytes(text.data(), text.size());
        take_one();
      }
      while (room() >= before + this->size_ + 8) {
        this->put_bytes(text.data(), 8);
        take_one();
      }
      if (this->gets_) {
        // The reader stands behind the last record that fits; the next is in another segment.
        while (room() >= this->size_ + 8) {
          this->put_bytes(text.data(), 8);
          take_one();
        }
      }
    }
    QueueScene<A>::fill();
  }

 private:
  void take_one() {
    std::string text;
    this->get(internal::Deadline::past(), &text);
  }
  const QueueState state_;
};

template <class A>
class QueuePut : public FilledQueue<A> {
 public:
  explicit QueuePut(QueueState state) : FilledQueue<A>("put", state) {
    if (state != QueueState::kEmpty) {
      this->queued_ = {1};
    }
    if (state == QueueState::kWrapping) {
      this->queued_ = {};
    }
    text_ = this->message(this->kVictimsMessage);
    recovery_ = this->message(this->kRecoverersMessage);
  }
  void operate() override { this->put_bytes(text_.data(), text_.size()); }
  void recover() override { this->put_bytes(recovery_.data(), recovery_.size()); }

 private:
  std::string text_;
  std::string recovery_;
};

template <class A>
class QueueGet : public FilledQueue<A> {
 public:
  explicit QueueGet(QueueState state) : FilledQueue<A>("get", state) {
    this->gets_ = true;
    this->queued_ = {1, 2, 3};
  }
  void operate() override {
    size_t size = 0;
    this->get_into(internal::Deadline::past(), this->stage().bytes, &size);
  }
  void recover() override {
    size_t size = 0;
    this->get_into(internal::Deadline::past(), this->stage().bytes + 1024, &size);
  }
};

}  // namespace mp::testing

#endif  // MP_TESTING_QUEUE_SCENES_H_
