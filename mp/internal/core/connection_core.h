// mp/internal/core/connection_core.h
//
// ConnectionCore: what mp::Connection is without the types of its messages. Inside of the family it
// is two rings, one each way; an end is an object of its own whose only purpose is to have holders:
// when the last one is gone, its destroy function closes both rings. To other programs it is a
// socket: see SocketEnd.

#ifndef MP_INTERNAL_CORE_CONNECTION_CORE_H_
#define MP_INTERNAL_CORE_CONNECTION_CORE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "mp/internal/core/queue_core.h"
#include "mp/internal/core/socket_end.h"

namespace mp::internal {

struct ConnectionMaker;   // pipe.cc
struct ConnectionReader;  // wait.cc

class ConnectionCore {
 public:
  // `in` and `out` may be nothing, for one way only.
  ConnectionCore(Ref end, std::optional<QueueCore> in, std::optional<QueueCore> out)
      : end_(std::move(end)), in_(std::move(in)), out_(std::move(out)) {}
  explicit ConnectionCore(std::shared_ptr<SocketEnd> socket)
      : end_(socket->ref()), socket_(std::move(socket)) {}

  // The two ends of a new pipe; not duplex: the first only receives, the second only sends.
  static void make(bool duplex, ConnectionCore* first, ConnectionCore* second);
  ConnectionCore() = default;
  // This process has received the end: who sleeps at the other one, and found nobody to watch, looks
  // again.
  void announce() const noexcept;

  void send_bytes(std::span<const std::byte> bytes) const;
  // A message was longer than its receiver wants: as in the reference this object reads no more, or is closed if it could
  // do nothing else. Raises OSError "bad message length".
  [[noreturn]] void refuse_length() const;
  bool poll(Deadline deadline) const;
  int fileno() const;
  // What recv() reads from; raises what it would.
  const Ref& ring_to_read() const;

  // Both raise the connection's own errors.
  void open(QueueCore::Put& put) const;
  void open(QueueCore::Get& get) const;
  // Takes the next message off, as a view.
  void view(QueueCore::Leased& leased) const;
  [[noreturn]] void raise_send(const absl::Status& status) const;
  // What a receive raises that got nothing.
  [[noreturn]] void raise_recv(const absl::Status& status) const;
  // Raises CodecError when the message is raw bytes.
  static void check_encoded(bool raw);
  static void check_encoded(const QueueCore::Get& get) { check_encoded(get.raw()); }

  void close() const noexcept {
    if (socket_ != nullptr) {
      socket_->close();
    } else if (end_) {
      end_.let_go();
    }
  }
  bool closed() const noexcept { return end_.closed().load(std::memory_order_relaxed); }
  bool readable() const noexcept {
    return (is_socket() ? socket_->readable() : in_.has_value()) &&
           !end_.mark().load(std::memory_order_relaxed);
  }
  bool writable() const noexcept { return is_socket() ? socket_->writable() : out_.has_value(); }
  // Then open(), in() and out() are not for it.
  bool is_socket() const noexcept { return socket_ != nullptr; }
  SocketEnd& socket() const noexcept { return *socket_; }
  const Ref& end() const noexcept { return end_; }
  const std::optional<QueueCore>& in() const noexcept { return in_; }
  const std::optional<QueueCore>& out() const noexcept { return out_; }

  // Raises OSError "handle is closed".
  void check_handle() const;
  // The same, or "connection is write-only".
  void check_readable() const;

 private:
  Ref end_;
  std::optional<QueueCore> in_;
  std::optional<QueueCore> out_;
  std::shared_ptr<SocketEnd> socket_;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_CONNECTION_CORE_H_
