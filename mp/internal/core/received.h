// mp/internal/core/received.h
//
// What a message is outside of the ring: bytes, the handles they name, the descriptors they carry.

#ifndef MP_INTERNAL_CORE_RECEIVED_H_
#define MP_INTERNAL_CORE_RECEIVED_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "mp/internal/frame/reader.h"

namespace mp::internal {

// Where descriptors wait between put and get: the family's mailbox. The process layer fills it in.
struct FdMail {
  // A new token, never 0.
  uint64_t (*token)() = nullptr;
  // Leaves a copy of `fd` under it.
  absl::Status (*put)(uint64_t token, int fd) = nullptr;
  // Takes it out; the caller owns it.
  absl::StatusOr<int> (*take)(uint64_t token) = nullptr;
  // The same, and leaves it there.
  absl::StatusOr<int> (*copy)(uint64_t token) = nullptr;
  // A datagram socket that every member has; -1 when there is none yet.
  int (*socket)() noexcept = nullptr;
};
extern FdMail g_fd_mail;

// A message about to be sent. The descriptors stay the sender's.
struct Encoded {
  std::span<const std::byte> bytes;
  std::span<const uint64_t> handles;
  std::span<const int> fds;
};

// A message that was received. Its handles are held until the Received goes or is refilled, so that
// decoding can make its own; descriptors that nobody took are closed.
class Received final : public FdSource {
 public:
  Received() = default;
  ~Received() { clear(); }
  Received(const Received&) = delete;
  Received& operator=(const Received&) = delete;

  // Before the receive is committed: copies the bytes, holds the handles and claims the descriptors.
  void fill(std::span<const std::byte> bytes, std::span<const uint64_t> handles,
            std::span<const uint64_t> fd_tokens);
  // The receive was committed: what the message carried is this process's.
  void committed() noexcept { committed_ = true; }
  // Further handles.
  void hold(std::span<const uint64_t> handles);
  // After it: fetches the descriptors from the family's mailbox.
  void fetch_fds();
  // Of a message that keeps its own.
  void copy_fds(std::span<const uint64_t> fd_tokens);
  // Descriptors of a committed receive that were not fetched are thrown away.
  void clear() noexcept;

  std::span<const std::byte> bytes() const noexcept {
    return {reinterpret_cast<const std::byte*>(words_.data()), size_};
  }
  // Descriptor number `index` of the message, which is the caller's from now on.
  int take_fd(uint32_t index) override;

 private:
  std::vector<uint64_t> words_;  // 8-aligned bytes
  uint64_t size_ = 0;
  std::vector<uint64_t> handles_;
  std::vector<uint64_t> tokens_;  // claimed and not fetched
  bool committed_ = false;
  std::vector<int> fds_;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_RECEIVED_H_
