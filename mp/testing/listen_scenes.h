// mp/testing/listen_scenes.h
//
// Who waits for a pipe by its descriptor, or by wait(), when somebody dies: the descriptor is readable when there is
// something to receive, and nothing stays of who listened.

#ifndef MP_TESTING_LISTEN_SCENES_H_
#define MP_TESTING_LISTEN_SCENES_H_

#include <poll.h>

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mp/internal/core/bells.h"
#include "mp/internal/os/doorbell.h"
#include "mp/testing/queue_scenes.h"
#include "mp/wait.h"

namespace mp::testing {

inline bool fd_is_readable(int fd) {
  pollfd p{fd, POLLIN, 0};
  return poll(&p, 1, 0) > 0;
}

class ListenScene : public FamilyScene {
 public:
  using FamilyScene::FamilyScene;

  // Whoever joins a dead process sweeps what it held.
  void recover() override { family().sweep_all(); }
  std::vector<std::span<const std::byte>> shared() override {
    return {std::as_bytes(std::span(pipe(), 1))};
  }

 protected:
  void create() override { pipe_.create(0); }
  void drop() override { pipe_.drop(); }
  // Everybody has ended, and of the dead nobody listens any more.
  Verdict inspect() override {
    family().sweep_all();
    for (const internal::Bell& bell : pipe()->bells) {
      internal::Owner owner{bell.owner.load()};
      if (owner && owner != internal::Family::self()) {
        return leaked("a dead one's place among the bells");
      }
    }
    return fine();
  }

  internal::PipeRing* pipe() { return family().at<internal::PipeRing>(ring()); }
  uint64_t ring() { return family().offset_of(pipe_.ring()); }
  bool has_message() { return internal::is_readable(family(), ring()); }
  // Takes what is there; the number of messages.
  int take_all() {
    int n = 0;
    try {
      for (; pipe_.receiver()->poll(); ++n) {
        if (pipe_.receiver()->recv<std::string>() != text_) {
          return -1;
        }
      }
    } catch (const EOFError&) {
    }
    return n;
  }

  PublicPipe pipe_;
  const std::string text_ = std::string(96, 'm');
};

// The harness has the descriptor. `last`: the victim is the only one that could send.
template <class A = internal::RealAtomics>
class SendToDescriptor : public ListenScene {
 public:
  explicit SendToDescriptor(bool last)
      : ListenScene("Connection.send", last ? "a descriptor, last holder" : "a descriptor"),
        last_(last) {}
  void on_ready() override {
    if (last_) {
      pipe_.sender().reset();
    }
  }
  void operate() override {
    if constexpr (A::kBug == internal::Bug::kNone) {
      pipe_.sender()->send(text_);
    } else {
      internal::Channel<A> channel(family(), ring());
      internal::ChannelWriter<A> writer(channel);
      writer.open(internal::Deadline::never()).IgnoreError();
      std::memset(writer.add(96), 'm', 96);
      writer.publish();
    }
  }
  void intrude() override {
    if (fd_is_readable(fd_) && !has_message()) {
      stage().numbers[0] = 1;
    }
  }
  void on_death(const Death& death) override { died_ = died_ || !death.recoverer; }
  Verdict check() override {
    if (!last_) {
      pipe_.sender()->send(text_);
    }
    return fd_is_readable(fd_) ? fine() : lost("there is something, and the descriptor says no");
  }

 protected:
  void create() override {
    ListenScene::create();
    fd_ = pipe_.receiver()->fileno();
    died_ = false;
  }
  Verdict inspect() override {
    if (stage().numbers[0] != 0) {
      return wrong("the descriptor was readable before the message was there");
    }
    // The planted bug's message is not one to be decoded.
    if (A::kBug != internal::Bug::kNone) {
      return fine();
    }
    int n = take_all();
    if (n < 0) {
      return torn("a message");
    }
    if (fd_is_readable(fd_) != last_) {
      return wrong(last_ ? "the descriptor does not tell the end"
                         : "the descriptor is readable for nothing, after poll()");
    }
    return died_ ? took_effect(n == (last_ ? 1 : 2)) : fine();
  }

 private:
  const bool last_;
  int fd_ = -1;
  bool died_ = false;
};

// The victim asks for the descriptor.
class AskForDescriptor : public ListenScene {
 public:
  explicit AskForDescriptor(bool message)
      : ListenScene("Connection.fileno", message ? "a message" : "empty"), message_(message) {}
  void operate() override {
    if (fd_is_readable(pipe_.receiver()->fileno()) != message_) {
      stage().numbers[0] = 1;
    }
  }
  Verdict check() override {
    pipe_.sender()->send(text_);
    int n = take_all();
    return n == (message_ ? 2 : 1) ? fine() : lost("a message");
  }

 protected:
  void create() override {
    ListenScene::create();
    if (message_) {
      pipe_.sender()->send(text_);
    }
  }
  Verdict inspect() override {
    return stage().numbers[0] != 0 ? wrong("the descriptor says something else than poll()")
                                   : ListenScene::inspect();
  }

 private:
  const bool message_;
};

// The victim has the descriptor, and takes a message: the last one, or one of two.
class ReceiveWithDescriptor : public ListenScene {
 public:
  enum class How { kRecv, kBytesInto, kPoll };
  explicit ReceiveWithDescriptor(How how)
      : ListenScene(how == How::kPoll        ? "Connection.poll"
                    : how == How::kBytesInto ? "Connection.recv_bytes_into"
                                             : "Connection.recv",
                    how == How::kPoll ? "a descriptor, empty" : "a descriptor, last message"),
        how_(how) {}
  void prepare() override {
    ListenScene::prepare();
    fd_ = pipe_.receiver()->fileno();
  }
  void operate() override {
    switch (how_) {
      case How::kPoll:
        pipe_.receiver()->poll();
        break;
      case How::kRecv:
        pipe_.receiver()->recv<std::string>();
        break;
      case How::kBytesInto:
        pipe_.receiver()->recv_bytes_into(buffer_);
        break;
    }
    if (fd_is_readable(fd_) != has_message()) {
      stage().numbers[0] = 1;
    }
  }
  Verdict examine(pid_t, const Death& death) override {
    if (!death.recoverer) {
      taken_ = pipe_.ring()->received() != 0;
    }
    return fine();
  }
  Verdict check() override {
    int before = take();
    pipe_.sender()->send(text_);
    if (take() != 1) {
      return lost("a message");
    }
    if (how_ == How::kPoll) {
      return fine();
    }
    return before == (taken_ ? 0 : 1) ? took_effect(taken_) : duplicated("a message");
  }

 protected:
  void create() override {
    ListenScene::create();
    taken_ = false;
    if (how_ == How::kRecv) {
      pipe_.sender()->send(text_);
    } else if (how_ == How::kBytesInto) {
      pipe_.sender()->send_bytes(text_);
    }
  }
  Verdict inspect() override {
    return stage().numbers[0] != 0 ? wrong("the descriptor says something else than poll()")
                                   : ListenScene::inspect();
  }

 private:
  int take() {
    int n = 0;
    for (; pipe_.receiver()->poll(); ++n) {
      pipe_.receiver()->recv_bytes();
    }
    return n;
  }

  const How how_;
  int fd_ = -1;
  bool taken_ = false;
  std::array<std::byte, 128> buffer_{};
};

// The victim sleeps in wait() over a pipe, until there is a message.
class WaitForMessage : public ListenScene {
 public:
  WaitForMessage() : ListenScene("wait", "empty, woken sleeper") {}
  void operate() override { stage().numbers[0] = wait({*pipe_.receiver()}).size() == 1 ? 1 : 2; }
  bool on_sleep(int nth) override {
    if (nth == 1) {
      pipe_.sender()->send(text_);
    }
    return nth == 1;
  }
  Verdict check() override {
    pipe_.sender()->send(text_);
    int n = take_all();
    return n == 1 || n == 2 ? fine() : lost("a message");
  }

 protected:
  Verdict inspect() override {
    return stage().numbers[0] == 2 ? wrong("wait() returned without something")
                                   : ListenScene::inspect();
  }
};

// The victim's doorbell has been rung, and what it was rung for is gone; it silences it. Somebody sends meanwhile.
template <internal::Bug kBug = internal::Bug::kNone>
class Silence : public ListenScene {
 public:
  Silence() : ListenScene("Listener.silence (core)", "rung, empty") {}
  void operate() override {
    listener_->template silence<kBug>(internal::Deadline::never(),
                                      [this] { internal::silence_doorbell(doorbell_.get()); });
  }
  void intrude() override { send(); }
  Verdict check() override {
    // If nobody stood still.
    order_.give();
    await([this] { return sender_->ended(); });
    return fine();
  }

 protected:
  void create() override {
    ListenScene::create();
    require(internal::make_doorbell(&doorbell_, &address_) == 0, "no doorbell");
    listener_.emplace(family(), ring());
    listener_->join(address_, internal::Deadline::never());
    pipe_.sender()->send(text_);
    pipe_.receiver()->template recv<std::string>();
    order_.renew();
    sender_ = &cast("sender", [this] {
      order_.wait();
      pipe_.sender()->send(text_);
    });
  }
  void drop() override {
    listener_.reset();
    doorbell_.reset();
    ListenScene::drop();
  }
  Verdict inspect() override {
    if (has_message() && !fd_is_readable(doorbell_.get())) {
      return lost("there is a message, and the doorbell is silent");
    }
    return fine();
  }

 private:
  // It may have to wait for the one who stands still.
  void send() {
    order_.give();
    sender_->await_asleep();
  }

  internal::UniqueFd doorbell_;
  internal::DoorbellAddress address_;
  std::optional<internal::Listener> listener_;
  Order order_;
  Helper* sender_ = nullptr;
};

// The same of a victim that is killed at it. The harness listens too, and has nothing to do with its doorbell.
class SilenceAndDie : public ListenScene {
 public:
  SilenceAndDie() : ListenScene("Listener.silence", "rung, empty, another listens") {}
  void prepare() override {
    ListenScene::prepare();
    require(internal::make_doorbell(&doorbell_, &address_) == 0, "no doorbell");
    listener_.emplace(family(), ring());
    listener_->join(address_, internal::Deadline::never());
    pipe_.sender()->send(text_);
    pipe_.receiver()->recv<std::string>();
    require(fd_is_readable(doorbell_.get()), "the doorbell was not rung");
  }
  // What the victim has taken had rung here.
  void on_ready() override { pipe_.receiver()->poll(); }
  void operate() override {
    silenced_ = listener_->silence(internal::Deadline::never(),
                                   [this] { internal::silence_doorbell(doorbell_.get()); });
    if (!silenced_ || fd_is_readable(doorbell_.get())) {
      stage().numbers[0] = 1;
    }
  }
  Verdict check() override {
    pipe_.sender()->send(text_);
    return fine();
  }

 protected:
  void create() override {
    ListenScene::create();
    fd_ = pipe_.receiver()->fileno();
  }
  Verdict inspect() override {
    if (stage().numbers[0] != 0) {
      return wrong("the doorbell is not silent");
    }
    if (!fd_is_readable(fd_)) {
      return lost("there is a message, and the descriptor of another says no");
    }
    return take_all() == 1 ? ListenScene::inspect() : lost("a message");
  }

 private:
  internal::UniqueFd doorbell_;  // the victim's, and gone with it
  internal::DoorbellAddress address_;
  std::optional<internal::Listener> listener_;
  bool silenced_ = false;
  int fd_ = -1;
};

}  // namespace mp::testing

#endif  // MP_TESTING_LISTEN_SCENES_H_
