// mp/internal/os/shared_file.h
//
// SharedFile: named shared memory, a file in /dev/shm that any program may map, and the claims that
// say whose it is. Functions return 0 or an errno.
//
// The file is the user's from its first to its last byte, so what mp knows of it stands beside it: a
// claim is a symbolic link "mp.<inode>", made and read in one step, that leads nowhere and says
// "<family>.<owner>.<name>". It exists before the name does, and goes after it. A family is told by
// the inode of its arena, on which each of its processes holds a certificate of life for as long as
// it lives.
//
// Use     Whoever has the file open or mapped through these functions holds a read lock on one byte
//         far behind its end: the kernel drops it with the last mapping. Who gets the write lock
//         knows that nobody uses the file.
// Death   A file gets its name whole, or not at all. A claim whose name is absent, or another
//         file's, is of no effect.
// Trust   Files of other users are refused. Nothing guards against the same user's other programs,
//         which may truncate a file that is in use.

#ifndef MP_INTERNAL_OS_SHARED_FILE_H_
#define MP_INTERNAL_OS_SHARED_FILE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "mp/internal/base/unique_fd.h"

namespace mp::internal {

struct SharedFile {
  UniqueFd fd;  // close-on-exec
  uint64_t inode = 0;
  uint64_t size = 0;
};

// A file of `size` zeros without a name, all of its pages reserved: ENOSPC now instead of a SIGBUS
// later. In use.
int make_shared_file(uint64_t size, SharedFile* out);
// Maps it whole.
int map_shared_file(const SharedFile& file, std::byte** out);
void unmap_shared_file(std::byte* base, uint64_t size) noexcept;
// Names it; EEXIST when there is such a file.
int name_shared_file(const SharedFile& file, const std::string& name);

// The file of that name, in use from now on. ENOENT; EACCES when it is another user's or no plain
// file.
int open_shared_file(const std::string& name, SharedFile* out);
// Takes the name off the file `inode`; ENOENT when the name is not that file's, or not any more.
int unname_shared_file(const std::string& name, uint64_t inode);

struct Claim {
  uint64_t inode = 0;
  uint64_t family = 0;
  uint32_t owner = 0;  // Owner bits
  std::string name;
};
int write_claim(const Claim& claim);
bool read_claim(uint64_t inode, Claim* out);
void remove_claim(uint64_t inode) noexcept;
// All claims of this user.
std::vector<Claim> all_claims();

// The name is the claimed file's.
bool claim_holds(const Claim& claim);
// Ends a claim, and takes the name off its file unless somebody uses it (then false); `even_used`:
// in any case.
bool end_claim(const Claim& claim, bool even_used);

// The inode that a file descriptor is of.
uint64_t inode_of(int fd) noexcept;
// Whether a process of the family lives, as far as can be known: then true. `like`: an arena.
bool family_lives(uint64_t family, int like);

}  // namespace mp::internal

#endif  // MP_INTERNAL_OS_SHARED_FILE_H_
