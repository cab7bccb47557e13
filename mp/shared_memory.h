// mp/shared_memory.h
//
// SharedMemory: a block of memory that processes share, found by its name. Python:
// multiprocessing.shared_memory.SharedMemory.
//
//   auto a = mp::SharedMemory::create("frames", 4096);   // SharedMemory("frames", create=True, size=4096)
//   a.buf()[0] = std::byte{42};
//   auto b = mp::SharedMemory::attach("frames");         // SharedMemory("frames"), in any program
//   b.close();
//   a.unlink();
//
// Without a name of yours it is memory of the family, under a generated name that the family alone
// knows. With one it is the file /dev/shm/<name>, which other programs, Python's too, can attach to.
//
// Handles    Copying a SharedMemory makes another handle to the same block: close() closes all
//            copies, attach() makes one of its own. Who only attached owns nothing: neither its
//            close() nor its death takes the name away. The memory goes when the name is gone
//            (unlink()) and everybody has closed it.
// Safety     Any method, any thread. The bytes are yours to guard: with a Lock, or with atomics.
//            A file that another program truncates is a SIGBUS for whoever touches it.
// Ordering   What was written to the bytes before create() of a filled block (ShareableList) is
//            visible to who attaches. Else none.
// Blocking   None. Starts no thread.
// Cost       Every byte is real memory from the start: too little is an error here, never a SIGBUS
//            later. Without a name: one allocation of the family, and clearing. With one: some
//            twenty microseconds, one mapping, no file descriptor; two names in /dev/shm.
// Death      In any call: the name exists with the whole block, or not at all, once the death was
//            noticed. When the creator is killed, its names end with it, unless another process
//            of mp has the block open; when it ends in order, they stay until unlink() or the end
//            of the family. When everybody is killed at once, the names of files stay until the
//            next program of mp uses shared memory.
// Crossing   Any way, inside the family. A block that was unlinked meanwhile is FileNotFoundError.
// Python     No tracker process, so no `track`: attaching never deletes, nothing is printed about
//            leaks. Blocks without a name are not files.

#ifndef MP_SHARED_MEMORY_H_
#define MP_SHARED_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "mp/codec.h"
#include "mp/internal/core/shared_memory_core.h"

namespace mp {

class SharedMemory {
 public:
  // A new block of `size` zeros. Throws mp::ValueError "'size' must be a positive number different
  // from zero", mp::MemoryError over the family's budget.
  static SharedMemory create(int64_t size);
  // The same as the file /dev/shm/<name>. Throws mp::FileExistsError too, and mp::OSError, as when
  // /dev/shm is full.
  static SharedMemory create(std::string_view name, int64_t size);
  // The block of that name: one of the family, else the file. Throws mp::FileNotFoundError,
  // mp::OSError for another user's file.
  static SharedMemory attach(std::string_view name);

  // As Python's constructor: SharedMemory(name=None, create=False, size=0).
  struct Options {
    std::optional<std::string> name = std::nullopt;
    bool create = false;
    int64_t size = 0;  // not looked at without `create`, unless negative
  };
  explicit SharedMemory(const Options& options);

  const std::string& name() const noexcept { return core_.name(); }
  // In bytes, exactly.
  int64_t size() const noexcept { return static_cast<int64_t>(core_.size()); }

  // The bytes, until close() or the end of the last copy of this handle. On a boundary of at least
  // 64 bytes. Throws mp::ValueError after close().
  std::span<std::byte> buf() const;

  // This handle is done with the block. Again: nothing.
  void close() const noexcept { core_.close(); }

  // Takes the name away, also after close(). Throws mp::FileNotFoundError when it is gone already.
  void unlink() const;

  // The same block of memory.
  friend bool operator==(const SharedMemory& a, const SharedMemory& b) noexcept {
    return a.core_.same(b.core_);
  }

 private:
  friend class ShareableList;
  friend Codec<SharedMemory>;
  explicit SharedMemory(internal::SharedMemoryCore core) : core_(std::move(core)) {}

  internal::SharedMemoryCore core_;
};

// SharedMemory('psm_8f3bc247', size=10)
std::string repr(const SharedMemory& m);
std::ostream& operator<<(std::ostream& out, const SharedMemory& m);

template <>
struct Codec<SharedMemory> {
  static Encoder::Ref encode(Encoder& e, const SharedMemory& m) { return m.core_.encode(e); }
  static SharedMemory decode(const Reader& r);
};

}  // namespace mp

#endif  // MP_SHARED_MEMORY_H_
