// mp/internal/core/socket_end.h
//
// SocketEnd: the end of a connection that is a socket, which leads out of the family. What its users share, who may be several
// processes, is an object of the arena; each process has a descriptor of its own.
//
// Field     written by                     rule
// writing   who sends, for one message     a lock that survives its owner
// reading   who receives, the same
// sent      the holder of `writing`        number of the next part << 1 | inside: set before the first byte of a message is
//                                          written, cleared, together with the number, after the last
// received  the holder of `reading`        the same
// broken    anybody, once                  a Break; nothing is sent or received any more
// the rest  creation
//
// Waiting   For the first byte of a message nobody holds a lock.
// Death     Inside of a message: what is in the stream is not known, so whoever takes the lock over, or waits, breaks the
//           connection; the peer finds its end in the middle of a message. Elsewhere: no effect.

#ifndef MP_INTERNAL_CORE_SOCKET_END_H_
#define MP_INTERNAL_CORE_SOCKET_END_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "mp/internal/base/unique_fd.h"
#include "mp/internal/core/ref.h"
#include "mp/internal/frame/encoder.h"
#include "mp/internal/net/framing.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/os/stream.h"

namespace mp::internal {

class SocketEnd {
 public:
  struct Terms {
    bool readable = true;
    bool writable = true;
    Framing::Id framing = Framing::Id::kMp;
    // Of a payload, either way.
    uint64_t max_frame = kMaxFrame;
    // Null: frames carry no tags.
    const SealKeys* keys = nullptr;
  };
  static constexpr uint64_t kMaxFrame = uint64_t{64} << 20;

  // A new end, of a socket that is connected.
  SocketEnd(UniqueFd fd, const Terms& terms);
  // One that another process of the family has, too.
  SocketEnd(Ref ref, UniqueFd fd) noexcept : ref_(std::move(ref)), fd_(fd.release()) {}
  ~SocketEnd();
  SocketEnd(const SocketEnd&) = delete;
  SocketEnd& operator=(const SocketEnd&) = delete;

  // These raise the connection's errors. A TypeError for a value that means nothing elsewhere.
  void send_value(const Encoder& encoder);
  void send_bytes(std::span<const std::byte> bytes) { send(Content::kRaw, bytes); }
  // The next message. A value has been checked: it can be decoded.
  void receive_value(Incoming& message);
  void receive_bytes(Incoming& message) { receive(message); }
  bool poll(Deadline deadline);

  // Breaks the connection if somebody died in the middle of a message. For who waits by the descriptor: nothing else would
  // tell it, and the peer waits for the rest.
  void look_for_deaths() noexcept;

  // By this process. A call of another thread goes on until it notices.
  void close() noexcept;
  int fd() const noexcept { return fd_.load(std::memory_order_relaxed); }
  bool readable() const noexcept;
  bool writable() const noexcept;
  const Ref& ref() const noexcept { return ref_; }

 private:
  struct Object;
  enum class Break : uint32_t;
  class Use;
  class Turn;

  Object& object() const noexcept { return *ref_.object<Object>(); }
  void send(Content content, std::span<const std::byte> payload);
  void receive(Incoming& message);
  // All of `parts`, which are used up.
  void write(Turn& turn, std::span<iovec> parts);
  // The message that begins with the bytes `ahead`, which are not taken yet.
  void read(Incoming& message, std::span<const std::byte> ahead);
  // Sleeps; raises when there is a reason not to go on. `begun`: then the message stays torn.
  void await(Readiness what, bool begun);
  void check_whole() const;
  void break_off(Break why) noexcept;
  void leave() noexcept;
  // Puts change(it) in the place of what users_ is to this process, and returns that.
  template <class Change>
  uint64_t change_users(const Change& change) noexcept;

  Ref ref_;
  std::atomic<int> fd_;
  // Whose calls they are << 32 | kClosed if it is closed | how many calls use it. A forked child has a copy of its parent's,
  // and none of the threads.
  std::atomic<uint64_t> users_{0};
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_SOCKET_END_H_
