#include "mp/internal/os/shared_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>

#include "mp/internal/os/certificate.h"

namespace mp::internal {
namespace {

constexpr const char* kDirectory = "/dev/shm";
constexpr const char* kClaimPrefix = "mp.";

// Bytes that carry locks, far behind any data.
constexpr uint64_t kUseByte = (uint64_t{1} << 60);
constexpr uint64_t kUnnameByte = kUseByte + 1;

// How much is reserved at once: a signal makes the kernel begin a step anew.
constexpr uint64_t kReserveStep = 32 << 20;

// A reading of /proc/locks that is not atomic may miss a lock when others go at the same time; one
// that misses it each time is as good as impossible.
constexpr int kReadings = 8;

std::string path_of(const std::string& name) { return std::string(kDirectory) + "/" + name; }

std::string claim_path(uint64_t inode) {
  char text[64];
  snprintf(text, sizeof text, "%s/%s%" PRIx64, kDirectory, kClaimPrefix, inode);
  return text;
}

int lock_use(int fd, short type, int command) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(kUseByte);
  lock.l_len = 1;
  while (fcntl(fd, command, &lock) != 0) {
    if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

int reserve(int fd, uint64_t size) {
  // What cannot fit shall not fill everybody's memory before it fails. A size of 0 is no limit.
  struct statvfs fs {};
  if (fstatvfs(fd, &fs) == 0 && fs.f_blocks != 0 && size > fs.f_bavail * fs.f_bsize) {
    return ENOSPC;
  }
  for (uint64_t at = 0; at < size;) {
    uint64_t step = std::min(kReserveStep, size - at);
    if (fallocate(fd, 0, static_cast<off_t>(at), static_cast<off_t>(step)) == 0) {
      at += step;
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

bool named(const std::string& path, uint64_t inode) {
  struct stat st {};
  return fstatat(AT_FDCWD, path.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == inode;
}

// Opens without looking whose it is.
int open_plain(const std::string& path, UniqueFd* fd, struct stat* st) {
  // O_NONBLOCK: what somebody put there may be a pipe.
  *fd = UniqueFd(open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd->valid()) {
    return errno == ELOOP || errno == EISDIR ? EACCES : errno;
  }
  if (fstat(fd->get(), st) != 0) {
    return errno;
  }
  return S_ISREG(st->st_mode) && st->st_uid == geteuid() ? 0 : EACCES;
}

// One at a time takes names off a file, so none takes it off the next file of that name.
int unname_open(int fd, const std::string& path, uint64_t inode) {
  if (int err = wait_for_certificate(fd, kUnnameByte); err != 0) {
    return err;
  }
  if (!named(path, inode)) {
    return ENOENT;
  }
  return unlink(path.c_str()) == 0 ? 0 : errno;
}

bool parse_claim(const char* text, Claim* out) {
  int used = 0;
  if (sscanf(text, "%" SCNx64 ".%" SCNx32 ".%n", &out->family, &out->owner, &used) != 2 ||
      used == 0) {
    return false;
  }
  out->name = text + used;
  return !out->name.empty() && out->name.find('/') == std::string::npos;
}

// Whether /proc/locks shows a lock on the file; true when it cannot be read.
bool shows_lock(unsigned int device_major, unsigned int device_minor, uint64_t inode) {
  FILE* f = fopen("/proc/locks", "re");
  if (f == nullptr) {
    return true;
  }
  char wanted[64];
  snprintf(wanted, sizeof wanted, " %02x:%02x:%" PRIu64 " ", device_major, device_minor, inode);
  char line[512];
  bool any = false;
  bool found = false;
  while (!found && fgets(line, sizeof line, f) != nullptr) {
    any = true;
    found = strstr(line, wanted) != nullptr;
  }
  bool whole = any && ferror(f) == 0;
  fclose(f);
  // The one who asks holds a certificate too: an empty list is not true.
  return found || !whole;
}

}  // namespace

int make_shared_file(uint64_t size, SharedFile* out) {
  SharedFile file;
  file.fd = UniqueFd(open(kDirectory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file.fd.valid()) {
    return errno;
  }
  if (int err = reserve(file.fd.get(), size); err != 0) {
    return err;
  }
  if (int err = lock_use(file.fd.get(), F_RDLCK, F_OFD_SETLK); err != 0) {
    return err;
  }
  file.inode = inode_of(file.fd.get());
  file.size = size;
  *out = std::move(file);
  return 0;
}

int map_shared_file(const SharedFile& file, std::byte** out) {
  void* base = mmap(nullptr, file.size, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd.get(), 0);
  if (base == MAP_FAILED) {
    return errno;
  }
  *out = static_cast<std::byte*>(base);
  return 0;
}

void unmap_shared_file(std::byte* base, uint64_t size) noexcept { munmap(base, size); }

int name_shared_file(const SharedFile& file, const std::string& name) {
  char self[64];
  snprintf(self, sizeof self, "/proc/self/fd/%d", file.fd.get());
  return linkat(AT_FDCWD, self, AT_FDCWD, path_of(name).c_str(), AT_SYMLINK_FOLLOW) == 0 ? 0
                                                                                         : errno;
}

int open_shared_file(const std::string& name, SharedFile* out) {
  SharedFile file;
  struct stat st {};
  if (int err = open_plain(path_of(name), &file.fd, &st); err != 0) {
    return err;
  }
  // Waits for one who is about to take the name off an unused file, and sees what came of it.
  if (int err = lock_use(file.fd.get(), F_RDLCK, F_OFD_SETLKW); err != 0) {
    return err;
  }
  if (fstat(file.fd.get(), &st) != 0) {
    return errno;
  }
  if (st.st_nlink == 0) {
    return ENOENT;
  }
  file.inode = st.st_ino;
  file.size = static_cast<uint64_t>(st.st_size);
  *out = std::move(file);
  return 0;
}

int unname_shared_file(const std::string& name, uint64_t inode) {
  UniqueFd fd;
  struct stat st {};
  std::string path = path_of(name);
  if (int err = open_plain(path, &fd, &st); err != 0) {
    return err;
  }
  if (st.st_ino != inode) {
    return ENOENT;
  }
  if (int err = unname_open(fd.get(), path, inode); err != 0) {
    return err;
  }
  remove_claim(inode);
  return 0;
}

int write_claim(const Claim& claim) {
  char text[64];
  snprintf(text, sizeof text, "%" PRIx64 ".%" PRIx32 ".", claim.family, claim.owner);
  return symlink((text + claim.name).c_str(), claim_path(claim.inode).c_str()) == 0 ? 0 : errno;
}

bool read_claim(uint64_t inode, Claim* out) {
  std::string path = claim_path(inode);
  struct stat st {};
  char text[PATH_MAX + 1];
  if (fstatat(AT_FDCWD, path.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0 || st.st_uid != geteuid()) {
    return false;
  }
  ssize_t n = readlink(path.c_str(), text, sizeof text - 1);
  if (n <= 0) {
    return false;
  }
  text[n] = '\0';
  out->inode = inode;
  return parse_claim(text, out);
}

void remove_claim(uint64_t inode) noexcept { unlink(claim_path(inode).c_str()); }

std::vector<Claim> all_claims() {
  std::vector<Claim> claims;
  DIR* stream = opendir(kDirectory);
  if (stream == nullptr) {
    return claims;
  }
  while (dirent* entry = readdir(stream)) {
    if (strncmp(entry->d_name, kClaimPrefix, strlen(kClaimPrefix)) != 0) {
      continue;
    }
    char* end = nullptr;
    uint64_t inode = strtoull(entry->d_name + strlen(kClaimPrefix), &end, 16);
    Claim claim;
    if (*end == '\0' && read_claim(inode, &claim)) {
      claims.push_back(std::move(claim));
    }
  }
  closedir(stream);
  return claims;
}

bool claim_holds(const Claim& claim) { return named(path_of(claim.name), claim.inode); }

bool end_claim(const Claim& claim, bool even_used) {
  UniqueFd fd;
  struct stat st {};
  std::string path = path_of(claim.name);
  if (claim_holds(claim)) {
    if (open_plain(path, &fd, &st) != 0 || st.st_ino != claim.inode) {
      return false;
    }
    // Until the end of this call nobody begins to use it.
    if (!even_used && lock_use(fd.get(), F_WRLCK, F_OFD_SETLK) != 0) {
      return false;
    }
    if (int err = unname_open(fd.get(), path, claim.inode); err != 0 && err != ENOENT) {
      return false;
    }
  }
  remove_claim(claim.inode);
  return true;
}

uint64_t inode_of(int fd) noexcept {
  struct stat st {};
  return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

bool family_lives(uint64_t family, int like) {
  struct stat st {};
  if (fstat(like, &st) != 0) {
    return true;
  }
  for (int i = 0; i < kReadings; ++i) {
    if (shows_lock(major(st.st_dev), minor(st.st_dev), family)) {
      return true;
    }
  }
  return false;
}

}  // namespace mp::internal
