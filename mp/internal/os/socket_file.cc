#include "mp/internal/os/socket_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"

namespace mp::internal {
namespace {

constexpr char kPrefix[] = "mp-listener-";
constexpr char kName[] = "/socket";

// Nobody but this user, or root, can remove or replace what it makes in `base`.
bool is_safe(const std::string& base) {
  struct stat st {};
  if (base.empty() || base[0] != '/' || stat(base.c_str(), &st) != 0 || !S_ISDIR(st.st_mode)) {
    return false;
  }
  bool shared = (st.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  return (st.st_uid == geteuid() || st.st_uid == 0) && (!shared || (st.st_mode & S_ISVTX) != 0) &&
         access(base.c_str(), W_OK | X_OK) == 0;
}

bool fits(const std::string& base) {
  return base.size() + 1 + sizeof kPrefix + 6 + sizeof kName < sizeof(sockaddr_un::sun_path);
}

// A directory of ours that nobody has locked; -1: none of that.
UniqueFd lock_directory(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat st {};
  bool ours = fd.valid() && fstat(fd.get(), &st) == 0 && st.st_uid == geteuid() &&
              flock(fd.get(), LOCK_EX | LOCK_NB) == 0;
  return ours ? std::move(fd) : UniqueFd();
}

void remove_left_behind(const std::string& base) {
  DIR* listing = opendir(base.c_str());
  if (listing == nullptr) {
    return;
  }
  while (const dirent* entry = readdir(listing)) {
    if (std::string_view(entry->d_name).substr(0, sizeof kPrefix - 1) == kPrefix) {
      std::string path = absl::StrCat(base, "/", entry->d_name);
      if (UniqueFd lock = lock_directory(path); lock.valid()) {
        unlinkat(lock.get(), kName + 1, 0);
        rmdir(path.c_str());
      }
    }
  }
  closedir(listing);
}

}  // namespace

absl::StatusOr<SocketFile> SocketFile::fresh() {
  auto variable = [](const char* name) {
    const char* value = getenv(name);
    return std::string(value != nullptr ? value : "");
  };
  int err = ENOENT;
  for (const std::string& base :
       {variable("XDG_RUNTIME_DIR"), variable("TMPDIR"), std::string("/tmp")}) {
    if (!is_safe(base) || !fits(base)) {
      continue;
    }
    remove_left_behind(base);
    // Who removes what was left behind may take a directory for that before it is locked.
    for (int tries = 0; tries < 16; ++tries) {
      std::string directory = absl::StrCat(base, "/", kPrefix, "XXXXXX");
      if (mkdtemp(directory.data()) == nullptr) {
        err = errno;
        break;
      }
      SocketFile file(directory + kName);
      file.directory_ = lock_directory(directory);
      struct stat st {};
      if (file.directory_.valid() && fstat(file.directory_.get(), &st) == 0 && st.st_nlink != 0) {
        file.maker_ = getpid();
        return file;
      }
    }
  }
  return os_error(err,
                  "mp: Listener: no directory for its socket, in $XDG_RUNTIME_DIR, $TMPDIR or "
                  "/tmp");
}

SocketFile::SocketFile(SocketFile&& other) noexcept { *this = std::move(other); }

SocketFile& SocketFile::operator=(SocketFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(directory_, other.directory_);
  std::swap(maker_, other.maker_);
  std::swap(device_, other.device_);
  std::swap(inode_, other.inode_);
  return *this;
}

void SocketFile::made() noexcept {
  struct stat st {};
  if (lstat(path_.c_str(), &st) == 0) {
    maker_ = getpid();
    device_ = st.st_dev;
    inode_ = st.st_ino;
  }
}

void SocketFile::remove() noexcept {
  if (std::exchange(maker_, 0) != getpid()) {
    return;
  }
  struct stat st {};
  if (inode_ != 0 && lstat(path_.c_str(), &st) == 0 && st.st_dev == device_ &&
      st.st_ino == inode_) {
    unlink(path_.c_str());
  }
  if (directory_.valid()) {
    rmdir(path_.substr(0, path_.size() + 1 - sizeof kName).c_str());
    directory_.reset();
  }
}

}  // namespace mp::internal
