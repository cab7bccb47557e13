// mp/internal/core/shared_memory_core.h
//
// SharedMemoryCore: what SharedMemory is behind its shell. Without a name of the user's it is a
// Segment of the arena (shm/segment.h), with one a file (os/shared_file.h).
//
// Death   Nobody sees memory before `fill` has returned: it gets its name last. See
//         shm/family_names.cc for who ends a name.

#ifndef MP_INTERNAL_CORE_SHARED_MEMORY_CORE_H_
#define MP_INTERNAL_CORE_SHARED_MEMORY_CORE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mp/internal/core/ref.h"
#include "mp/internal/frame/encoder.h"
#include "mp/internal/frame/reader.h"

namespace mp::internal {

class SharedMemoryCore {
 public:
  using Fill = absl::FunctionRef<void(std::span<std::byte>)>;

  // `size` zeros, then what `fill` makes of them.
  static absl::StatusOr<SharedMemoryCore> create(uint64_t size, Fill fill);
  static absl::StatusOr<SharedMemoryCore> create(std::string_view name, uint64_t size, Fill fill);
  static absl::StatusOr<SharedMemoryCore> attach(std::string_view name);

  const std::string& name() const noexcept;
  uint64_t size() const noexcept;
  // Empty after close().
  std::span<std::byte> bytes() const noexcept;
  void close() const noexcept;
  absl::Status unlink() const;
  bool same(const SharedMemoryCore& other) const noexcept;

  // As the family's handle while it is open and has no file, else by name: then reading it again
  // finds the memory itself, not whatever has the name by then. An absl::Status of
  // FileNotFoundError when it was unlinked meanwhile.
  Encoder::Ref encode(Encoder& e) const;
  static absl::StatusOr<SharedMemoryCore> decode(const Reader& r);

 private:
  struct State;
  explicit SharedMemoryCore(std::shared_ptr<State> state) : state_(std::move(state)) {}
  static absl::StatusOr<SharedMemoryCore> attach(std::string_view name, uint64_t inode);
  static SharedMemoryCore of_segment(Ref ref);

  std::shared_ptr<State> state_;
};

// Makes up a name: "psm_" and eight hexadecimal digits. Changed by tests.
extern std::string (*g_make_name)();

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_SHARED_MEMORY_CORE_H_
