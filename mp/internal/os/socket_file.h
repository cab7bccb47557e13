// mp/internal/os/socket_file.h
//
// SocketFile: the file of a local socket, removed when its time is over.
//
// A fresh one lies in a directory of its own, which only its user can enter, in the first of $XDG_RUNTIME_DIR, $TMPDIR and /tmp
// that nobody else can change and whose name is not too long. The directory is locked as long as the process that made it
// lives: what a killed one has left is removed by the next who makes one there.

#ifndef MP_INTERNAL_OS_SOCKET_FILE_H_
#define MP_INTERNAL_OS_SOCKET_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "mp/internal/base/unique_fd.h"

namespace mp::internal {

class SocketFile {
 public:
  // A name that nobody else uses, for bind().
  static absl::StatusOr<SocketFile> fresh();
  // A name of the user's.
  explicit SocketFile(std::string path) : path_(std::move(path)) {}
  SocketFile() = default;
  SocketFile(SocketFile&& other) noexcept;
  SocketFile& operator=(SocketFile&& other) noexcept;
  ~SocketFile() { remove(); }

  const std::string& path() const noexcept { return path_; }
  // The file is there now, and this process's.
  void made() noexcept;
  // Unless it is something else by now, or another process has made it.
  void remove() noexcept;

 private:
  std::string path_;
  UniqueFd directory_;  // of a fresh one
  int maker_ = 0;       // pid
  uint64_t device_ = 0;
  uint64_t inode_ = 0;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_OS_SOCKET_FILE_H_
