#include "mp/internal/core/shared_memory_core.h"

#include <errno.h>

#include <atomic>
#include <cstring>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/core/ref.h"
#include "mp/internal/frame/python_text.h"
#include "mp/internal/os/random.h"
#include "mp/internal/os/shared_file.h"
#include "mp/internal/shm/family.h"
#include "mp/internal/shm/segment.h"

namespace mp::internal {
namespace {

constexpr size_t kLongestName = 255;

std::string random_name() { return absl::StrCat("psm_", absl::BytesToHexString(random_bytes(4))); }

// The texts of the reference, which calls a file "/name".
absl::Status file_error(int err, std::string_view name) {
  std::string quoted;
  append_repr(quoted, absl::StrCat("/", absl::string_view(name.data(), name.size())));
  switch (err) {
    case ENOENT:
      return FileNotFoundError(absl::StrCat("[Errno 2] No such file or directory: ", quoted))
          .status();
    case EEXIST:
      return FileExistsError(absl::StrCat("[Errno 17] File exists: ", quoted)).status();
    default:
      return os_error(err, absl::StrCat("mp: SharedMemory ", quoted));
  }
}

// As the C library's shm_open() reads it: slashes in front do not count.
absl::StatusOr<std::string> file_name(std::string_view name) {
  if (name.find('\0') != std::string_view::npos) {
    return value_error("embedded null character");
  }
  std::string_view file = name;
  while (!file.empty() && file.front() == '/') {
    file.remove_prefix(1);
  }
  if (file.empty() || file == "." || file == ".." || file.size() > kLongestName ||
      file.find('/') != std::string_view::npos) {
    return file_error(EINVAL, name);
  }
  return std::string(file);
}

}  // namespace

std::string (*g_make_name)() = random_name;

struct SharedMemoryCore::State {
  std::string name;
  uint64_t size = 0;
  std::atomic<std::byte*> base{nullptr};
  Ref ref;             // of a Segment
  uint64_t inode = 0;  // of a file

  ~State() { close(); }

  void close() noexcept {
    std::byte* mine = base.exchange(nullptr, std::memory_order_acq_rel);
    if (mine == nullptr) {
      return;
    }
    if (inode != 0) {
      unmap_shared_file(mine, size);
    } else {
      ref.let_go();
    }
  }
};

SharedMemoryCore SharedMemoryCore::of_segment(Ref ref) {
  auto state = std::make_shared<State>();
  auto* segment = ref.object<Segment>();
  state->name = segment->name();
  state->size = segment->size;
  state->base.store(segment->bytes(), std::memory_order_release);
  state->ref = std::move(ref);
  return SharedMemoryCore(std::move(state));
}

absl::StatusOr<SharedMemoryCore> SharedMemoryCore::create(uint64_t size, Fill fill) {
  Family& family = Family::get();
  family.sweep_dead_families();
  // The user's bytes are cleared below, without the allocator's lock.
  auto at = family.create(Kind::kSharedMemory, sizeof(Segment) + size, sizeof(Segment));
  if (!at.ok()) {
    return at.status();
  }
  Ref ref = Ref::take(*at);
  auto* segment = ref.object<Segment>();
  segment->owner.store(Family::self().bits, std::memory_order_relaxed);
  segment->size = size;
  std::memset(segment->bytes(), 0, size);
  fill({segment->bytes(), size});
  do {
    std::string name = g_make_name();
    std::memcpy(segment->name_text, name.c_str(), Segment::kNameSize);
  } while (!family.add_name(*at));
  return of_segment(std::move(ref));
}

absl::StatusOr<SharedMemoryCore> SharedMemoryCore::create(std::string_view name, uint64_t size,
                                                          Fill fill) {
  auto file_named = file_name(name);
  if (!file_named.ok()) {
    return file_named.status();
  }
  Family& family = Family::get();
  family.sweep_dead_families();
  if (family.has_name(name)) {
    return file_error(EEXIST, name);
  }
  if (uint64_t limit = family.header().budget.load(std::memory_order_relaxed); size > limit) {
    return memory_error(absl::StrCat("mp: ", size, " bytes of shared memory are more than the ",
                                     "family's budget of ", limit,
                                     "; raise it with mp::set_memory_limit() or MP_MEMORY_LIMIT"));
  }
  SharedFile file;
  auto state = std::make_shared<State>();
  std::byte* base = nullptr;
  int err = make_shared_file(size, &file);
  if (err == 0) {
    err = map_shared_file(file, &base);
  }
  if (err != 0) {
    return file_error(err, name);
  }
  state->name = std::string(name);
  state->size = size;
  state->inode = file.inode;
  state->base.store(base, std::memory_order_release);
  fill({base, size});

  // The claim first: from then on a death between two steps leaves nothing that is not claimed.
  Family::Naming naming(family);
  family.note_claims();
  err = write_claim({.inode = file.inode,
                     .family = family.id(),
                     .owner = Family::self().bits,
                     .name = *file_named});
  if (err != 0) {
    return file_error(err, name);
  }
  err = name_shared_file(file, *file_named);
  if (err == EEXIST && family.sweep_file(*file_named)) {
    err = name_shared_file(file, *file_named);
  }
  if (err != 0) {
    remove_claim(file.inode);
    return file_error(err, name);
  }
  return SharedMemoryCore(std::move(state));
}

absl::StatusOr<SharedMemoryCore> SharedMemoryCore::attach(std::string_view name) {
  return attach(name, 0);
}

absl::StatusOr<SharedMemoryCore> SharedMemoryCore::attach(std::string_view name, uint64_t inode) {
  auto file_named = file_name(name);
  if (!file_named.ok()) {
    return file_named.status();
  }
  Family& family = Family::get();
  family.sweep_dead_families();
  if (inode == 0) {
    auto held = family.hold_named(name);
    if (!held.ok()) {
      return held.status();
    }
    if (*held != 0) {
      return of_segment(Ref::take(*held));
    }
  }
  SharedFile file;
  if (int err = open_shared_file(*file_named, &file); err != 0) {
    return file_error(err, name);
  }
  if (inode != 0 && file.inode != inode) {
    return file_error(ENOENT, name);
  }
  if (file.size == 0) {
    return value_error("cannot mmap an empty file");
  }
  std::byte* base = nullptr;
  if (int err = map_shared_file(file, &base); err != 0) {
    return file_error(err, name);
  }
  auto state = std::make_shared<State>();
  state->name = std::string(name);
  state->size = file.size;
  state->inode = file.inode;
  state->base.store(base, std::memory_order_release);
  return SharedMemoryCore(std::move(state));
}

const std::string& SharedMemoryCore::name() const noexcept { return state_->name; }

uint64_t SharedMemoryCore::size() const noexcept { return state_->size; }

std::span<std::byte> SharedMemoryCore::bytes() const noexcept {
  std::byte* base = state_->base.load(std::memory_order_acquire);
  return {base, base != nullptr ? state_->size : 0};
}

void SharedMemoryCore::close() const noexcept { state_->close(); }

absl::Status SharedMemoryCore::unlink() const {
  Family& family = Family::get();
  if (state_->inode == 0) {
    auto removed = family.remove_name(state_->ref.offset(), state_->name);
    if (!removed.ok()) {
      return removed.status();
    }
    return *removed ? absl::OkStatus() : file_error(ENOENT, state_->name);
  }
  auto file_named = file_name(state_->name);
  Family::Naming naming(family);
  int err = unname_shared_file(*file_named, state_->inode);
  return err == 0 ? absl::OkStatus() : file_error(err, state_->name);
}

bool SharedMemoryCore::same(const SharedMemoryCore& other) const noexcept {
  return state_ == other.state_ || (state_->inode == other.state_->inode && state_->inode != 0) ||
         (state_->inode == 0 && other.state_->inode == 0 && state_->ref == other.state_->ref);
}

Encoder::Ref SharedMemoryCore::encode(Encoder& e) const {
  if (state_->inode == 0 && state_->base.load(std::memory_order_acquire) != nullptr) {
    return e.handle(static_cast<uint32_t>(Kind::kSharedMemory), state_->ref.offset());
  }
  Encoder::Items items(e);
  items.add(e.text(state_->name));
  items.add(e.uinteger(state_->inode));
  return e.fields(items);
}

absl::StatusOr<SharedMemoryCore> SharedMemoryCore::decode(const Reader& r) {
  if (!r.is(Form::kHandle)) {
    r.expect_items(2, "mp::SharedMemory");
    return attach(r[0].text(), r[1].integer<uint64_t>());
  }
  Ref ref = Ref::adopt(Kind::kSharedMemory, r.handle(static_cast<uint32_t>(Kind::kSharedMemory)));
  auto* segment = ref.object<Segment>();
  if (segment->linked.load(std::memory_order_acquire) == 0) {
    return file_error(ENOENT, segment->name());
  }
  return of_segment(std::move(ref));
}

}  // namespace mp::internal
