#include "mp/internal/core/socket_end.h"

#include <strings.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/base/check.h"
#include "mp/internal/frame/verify.h"
#include "mp/internal/os/interrupt.h"
#include "mp/internal/park/lock.h"
#include "mp/internal/shm/block.h"
#include "mp/internal/shm/family.h"
#include "mp/internal/shm/kind.h"

namespace mp::internal {

struct SocketEnd::Object {
  Block block;
  LockWord<> writing;
  LockWord<> reading;
  std::atomic<uint64_t> sent;
  std::atomic<uint64_t> received;
  std::atomic<Break> broken;
  bool readable;
  bool writable;
  bool sealed;
  Framing::Id framing;
  uint64_t max_frame;
  SealKeys keys;
};

enum class SocketEnd::Break : uint32_t {
  kNot,
  kDeath,
  kEnd,
  kNonsense,
  kForgery,
  kInterrupt,
  kError,
  kMemory,
};

namespace {

constexpr uint64_t kInside = 1;

// A value that is nested less deeply than this passes verify() for sure.
constexpr uint32_t kSurelyFlat = kForeignDepth / 4;

void destroy_socket(Family& family, uint64_t object, bool) {
  // Its keys shall not stay in memory that others will get.
  const Block* b = family.arena().block(object);
  explicit_bzero(family.at<std::byte>(object) + sizeof(Block), b->size - sizeof(Block));
}

[[maybe_unused]] const bool g_registered =
    (Family::set_destroy(Kind::kSocket, destroy_socket), true);

const char* text_of(uint32_t why) {
  static constexpr const char* kTexts[] = {
      "",
      "a process died in the middle of a message",
      "got end of file during message",
      "the peer sent what is no message",
      "a message was changed, repeated or left out on its way",
      "a call was interrupted in the middle of a message",
      "the system failed in the middle of a message",
      "there was no memory for a message",
  };
  return kTexts[why];
}

[[noreturn]] void raise_closed() { raise(OSError("handle is closed").status()); }

[[noreturn]] void raise_broken_pipe() {
  raise(BrokenPipeError("[Errno 32] Broken pipe: the other end of the connection is closed")
            .status());
}

}  // namespace

// This process uses the end, which keeps it from going.
class SocketEnd::Use {
 public:
  explicit Use(SocketEnd& end) : end_(end) {
    if ((end_.change_users([](uint64_t users) { return users + 1; }) & kClosed) != 0) {
      end_.leave();
      raise_closed();
    }
  }
  ~Use() { end_.leave(); }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

  static constexpr uint64_t kClosed = uint64_t{1} << 31;
  static constexpr uint64_t kCalls = kClosed - 1;

 private:
  SocketEnd& end_;
};

// One of the locks, for one message or less.
class SocketEnd::Turn {
 public:
  Turn(SocketEnd& end, LockWord<>& lock, std::atomic<uint64_t>& count)
      : lock_(lock), count_(count) {
    Acquired a = park_acquire(lock, self(), Deadline::after(kForever), *Family::current());
    if (a == Acquired::kNo) {
      raise_if_interrupted();
    }
    if (a == Acquired::kOwnerDied && inside()) {
      end.break_off(Break::kDeath);
    }
  }
  ~Turn() { park_release(lock_); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  bool inside() const noexcept { return (count_.load(std::memory_order_relaxed) & kInside) != 0; }
  uint64_t count() const noexcept { return count_.load(std::memory_order_relaxed) >> 1; }
  void enter() noexcept { count_.store(count() << 1 | kInside, std::memory_order_relaxed); }
  // After `parts` whole parts; 0: nothing has happened.
  void exit(uint64_t parts) noexcept {
    count_.store((count() + parts) << 1, std::memory_order_relaxed);
  }

 private:
  LockWord<>& lock_;
  std::atomic<uint64_t>& count_;
};

SocketEnd::SocketEnd(UniqueFd fd, const Terms& terms)
    : ref_(Ref::create(Kind::kSocket, sizeof(Object))), fd_(fd.release()) {
  Object& o = object();
  o.readable = terms.readable;
  o.writable = terms.writable;
  o.framing = terms.framing;
  o.max_frame = terms.max_frame;
  o.sealed = terms.keys != nullptr;
  if (o.sealed) {
    o.keys = *terms.keys;
  }
}

SocketEnd::~SocketEnd() { UniqueFd(fd_.exchange(-1)).reset(); }

bool SocketEnd::readable() const noexcept { return object().readable; }
bool SocketEnd::writable() const noexcept { return object().writable; }

template <class Change>
uint64_t SocketEnd::change_users(const Change& change) noexcept {
  const uint64_t me = uint64_t{self().bits} << 32;
  uint64_t word = users_.load(std::memory_order_relaxed);
  for (;;) {
    const uint64_t here = word >> 32 << 32 == me ? word : me | (word & Use::kClosed);
    if (users_.compare_exchange_weak(word, change(here), std::memory_order_acq_rel,
                                     std::memory_order_relaxed)) {
      return here;
    }
  }
}

void SocketEnd::close() noexcept {
  const uint64_t users = change_users([](uint64_t u) { return u | Use::kClosed; });
  ref_.closed().store(true, std::memory_order_relaxed);
  if ((users & Use::kCalls) == 0) {
    UniqueFd(fd_.exchange(-1)).reset();
    ref_.let_go();
  }
}

void SocketEnd::leave() noexcept {
  const uint64_t users = change_users([](uint64_t u) { return u - 1; });
  if ((users & (Use::kClosed | Use::kCalls)) == (Use::kClosed | 1)) {
    UniqueFd(fd_.exchange(-1)).reset();
    ref_.let_go();
  }
}

void SocketEnd::break_off(Break why) noexcept {
  Break not_yet = Break::kNot;
  object().broken.compare_exchange_strong(not_yet, why, std::memory_order_relaxed);
  // The peer, and who waits here, find the end of the stream.
  stream_shutdown(fd());
}

void SocketEnd::check_whole() const {
  Break why = object().broken.load(std::memory_order_relaxed);
  if (why != Break::kNot) {
    raise(
        OSError(absl::StrCat("mp: the connection is broken: ", text_of(static_cast<uint32_t>(why))))
            .status());
  }
}

void SocketEnd::look_for_deaths() noexcept {
  Object& o = object();
  auto abandoned = [](const LockWord<>& lock, const std::atomic<uint64_t>& count) {
    Owner owner = LockWord<>::owner_of(lock.word.load(std::memory_order_relaxed));
    return owner && (count.load(std::memory_order_relaxed) & kInside) != 0 &&
           Family::current()->is_dead(owner) &&
           LockWord<>::owner_of(lock.word.load(std::memory_order_relaxed)) == owner;
  };
  if (abandoned(o.writing, o.sent) || abandoned(o.reading, o.received)) {
    break_off(Break::kDeath);
  }
}

void SocketEnd::await(Readiness what, bool begun) {
  Deadline deadline = Deadline::after(kForever);
  while (!wait_for(fd(), what, deadline, Family::current()->slice_ns())) {
    look_for_deaths();
    check_whole();
    if (ref_.closed().load(std::memory_order_relaxed)) {
      if (begun) {
        break_off(Break::kInterrupt);
      }
      raise_closed();
    }
    if (deadline.passed()) {
      if (begun) {
        break_off(Break::kInterrupt);
      }
      raise_if_interrupted();
    }
  }
}

void SocketEnd::send_value(const Encoder& encoder) {
  if (!encoder.handles().empty() || !encoder.fds().empty() || encoder.names_code()) [[unlikely]] {
    const char* what = !encoder.handles().empty() ? "a handle to an mp object"
                       : !encoder.fds().empty()   ? "a file descriptor"
                                                  : "a function";
    raise(type_error(absl::StrCat(
        "mp: ", what,
        " means something inside of its family only, and this connection leads out of it: send "
        "values; or, to a process of this family, send it through a Pipe or Queue")));
  }
  if (encoder.levels() > kSurelyFlat) {
    raise_if_error(verify(encoder.message()));
  }
  send(Content::kValue, encoder.message());
}

void SocketEnd::send(Content content, std::span<const std::byte> payload) {
  Use use(*this);
  Object& o = object();
  if (!o.writable) {
    raise(OSError("connection is read-only").status());
  }
  if (payload.size() > o.max_frame) {
    raise(value_error(absl::StrCat("mp: a message of ", payload.size(),
                                   " bytes is over the max_frame of this connection, ", o.max_frame,
                                   ": ListenerOptions and ClientOptions have it")));
  }
  const Framing& framing = Framing::of(o.framing);
  Framing::Head head = framing.head(content, payload.size());
  Turn turn(*this, o.writing, o.sent);
  check_whole();
  SealTag tags[2];
  auto part = [](std::span<const std::byte> bytes) {
    return iovec{const_cast<std::byte*>(bytes.data()), bytes.size()};
  };
  std::array<iovec, 4> parts;
  size_t n = 0;
  parts[n++] = part(head.span());
  if (o.sealed) {
    uint64_t number = turn.count();
    if (head.apart) {
      tags[0] = g_tag_frame(o.keys.send, number, head.span(), {});
      tags[1] = g_tag_frame(o.keys.send, number + 1, payload, {});
      parts[n++] = part(tags[0]);
    } else {
      tags[1] = g_tag_frame(o.keys.send, number, head.span(), payload);
    }
  }
  parts[n++] = part(payload);
  if (o.sealed) {
    parts[n++] = part(tags[1]);
  }
  write(turn, std::span(parts).first(n));
  turn.exit(head.apart ? 2 : 1);
}

void SocketEnd::write(Turn& turn, std::span<iovec> parts) {
  bool begun = false;
  while (!parts.empty()) {
    turn.enter();
    ssize_t done = stream_send(fd(), parts);
    if (done < 0 && !begun) {
      // Nothing of this message is in the stream: a death while we wait costs nobody anything.
      turn.exit(0);
    }
    if (done == -EAGAIN) {
      await(Readiness::kWritable, begun);
      continue;
    }
    if (done < 0) {
      check_whole();
      if (begun) {
        break_off(Break::kError);
      }
      if (done == -EPIPE || done == -ECONNRESET) {
        raise_broken_pipe();
      }
      raise(os_error(static_cast<int>(-done), "mp: Connection.send"));
    }
    begun = true;
    size_t count = static_cast<size_t>(done);
    while (!parts.empty() && count >= parts.front().iov_len) {
      count -= parts.front().iov_len;
      parts = parts.subspan(1);
    }
    if (count != 0) {
      parts.front().iov_base = static_cast<std::byte*>(parts.front().iov_base) + count;
      parts.front().iov_len -= count;
    }
  }
}

void SocketEnd::receive_value(Incoming& message) {
  receive(message);
  if (message.content() == Content::kRaw) {
    raise(CodecError("the message was sent with send_bytes(): receive it with recv_bytes()")
              .status());
  }
  raise_if_error(verify(message.payload()));
}

void SocketEnd::receive(Incoming& message) {
  Use use(*this);
  Object& o = object();
  if (!o.readable) {
    raise(OSError("connection is write-only").status());
  }
  for (;;) {
    {
      Turn turn(*this, o.reading, o.received);
      check_whole();
      raise_if_error(message.begin({.framing = &Framing::of(o.framing),
                                    .max_frame = o.max_frame,
                                    .key = o.sealed ? &o.keys.receive : nullptr,
                                    .count = turn.count()}));
      std::byte ahead[Framing::kLength];
      ssize_t seen = stream_peek(fd(), ahead);
      if (seen > 0) {
        turn.enter();
        read(message, std::span(ahead).first(static_cast<size_t>(seen)));
        turn.exit(message.parts());
        return;
      }
      if (seen == 0) {
        check_whole();
        raise(EOFError("the other end of the connection is closed").status());
      }
      if (seen != -EAGAIN) {
        raise(os_error(static_cast<int>(-seen), "mp: Connection.recv"));
      }
    }
    await(Readiness::kReadable, false);
  }
}

void SocketEnd::read(Incoming& message, std::span<const std::byte> ahead) {
  absl::Status s = message.look_ahead(ahead);
  while (s.ok() && !message.whole()) {
    ssize_t count = stream_receive(fd(), message.room());
    if (count > 0) {
      s = message.received(static_cast<size_t>(count));
    } else if (count == -EAGAIN) {
      await(Readiness::kReadable, true);
    } else {
      check_whole();
      break_off(count == 0 ? Break::kEnd : Break::kError);
      raise(count == 0 ? OSError("got end of file during message").status()
                       : os_error(static_cast<int>(-count), "mp: Connection.recv"));
    }
  }
  if (!s.ok()) {
    break_off(absl::IsUnauthenticated(s)     ? Break::kForgery
              : absl::IsResourceExhausted(s) ? Break::kMemory
                                             : Break::kNonsense);
    raise(s);
  }
}

bool SocketEnd::poll(Deadline deadline) {
  Use use(*this);
  if (!readable()) {
    raise(OSError("connection is write-only").status());
  }
  while (!wait_for(fd(), Readiness::kReadable, deadline, Family::current()->slice_ns())) {
    if (deadline.passed()) {
      raise_if_interrupted();
      return false;
    }
    look_for_deaths();
    if (ref_.closed().load(std::memory_order_relaxed)) {
      raise_closed();
    }
  }
  return true;
}

}  // namespace mp::internal
