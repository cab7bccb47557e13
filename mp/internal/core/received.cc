#include "mp/internal/core/received.h"

#include <unistd.h>

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/shm/family.h"

namespace mp::internal {

FdMail g_fd_mail;

void Received::fill(std::span<const std::byte> bytes, std::span<const uint64_t> handles,
                    std::span<const uint64_t> fd_tokens) {
  clear();
  words_.resize((bytes.size() + 7) / 8);
  size_ = bytes.size();
  if (!bytes.empty()) {
    std::memcpy(words_.data(), bytes.data(), bytes.size());
  }
  tokens_.assign(fd_tokens.begin(), fd_tokens.end());
  for (uint64_t token : tokens_) {
    Family::get().claim_deposit(token);
  }
  hold(handles);
}

void Received::hold(std::span<const uint64_t> handles) {
  for (uint64_t object : handles) {
    Family::get().hold(object);
    handles_.push_back(object);
  }
}

void Received::fetch_fds() {
  absl::Status failed;
  for (uint64_t token : std::exchange(tokens_, {})) {
    absl::StatusOr<int> fd = g_fd_mail.take(token);
    Family::get().end_deposit(token, !fd.ok());
    if (!fd.ok()) {
      failed = fd.status();
    }
    fds_.push_back(fd.ok() ? *fd : -1);
  }
  raise_if_error(failed);
}

void Received::copy_fds(std::span<const uint64_t> fd_tokens) {
  for (uint64_t token : fd_tokens) {
    absl::StatusOr<int> fd = g_fd_mail.copy(token);
    raise_if_error(fd.status());
    fds_.push_back(*fd);
  }
}

void Received::clear() noexcept {
  for (uint64_t object : std::exchange(handles_, {})) {
    Family::get().drop(object);
  }
  for (int fd : std::exchange(fds_, {})) {
    if (fd >= 0) {
      close(fd);
    }
  }
  // Before the commit they are the message's still.
  bool ours = std::exchange(committed_, false);
  for (uint64_t token : std::exchange(tokens_, {})) {
    if (ours) {
      Family::get().end_deposit(token, true);
    }
  }
}

int Received::take_fd(uint32_t index) {
  if (index >= fds_.size() || fds_[index] < 0) {
    raise(CodecError(absl::StrCat("mp: the message carries ", fds_.size(),
                                  " file descriptors, and number ", index,
                                  " was asked for or taken before"))
              .status());
  }
  return std::exchange(fds_[index], -1);
}

}  // namespace mp::internal
