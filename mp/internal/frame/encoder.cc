#include "mp/internal/frame/encoder.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "mp/errors.h"
#include "mp/internal/frame/codec_values.h"

namespace mp {

using internal::Form;

namespace {

constexpr size_t kLargest = internal::kLargestMessage - 64;
constexpr size_t kFirst = 1024;

}  // namespace

namespace internal {

void refuse_size() {
  raise(value_error(
      "mp: a message ends at 2 GiB: send the value in parts, or as raw bytes with send_bytes()"));
}

void refuse_valueless(std::string_view type) {
  raise(value_error("mp: the " + pretty_name(type) + " holds no value, and cannot be sent"));
}

}  // namespace internal

// The table that is being written, bottom up: fields first, then end(). It does as FlatBufferBuilder does, so that the
// bytes are the same.
struct Encoder::Table {
  explicit Table(Encoder& encoder) : e(encoder), start(encoder.size()) {}

  template <class T>
  void add(uint32_t id, T v) {
    e.align(sizeof(T));
    e.push(v);
    set(id);
  }
  void add_offset(uint32_t id, uint32_t at) {
    if (at != 0) {
      e.align(4);
      e.push_offset(at);
      set(id);
    }
  }
  void add_token(uint32_t id, const internal::Token& token) {
    e.align(8);
    e.push(token);
    set(id);
  }
  void set(uint32_t id) {
    fields[id] = e.size();
    count = count > id + 1 ? count : id + 1;
  }

  uint32_t end() {
    e.align(4);
    e.push(int32_t{0});
    uint32_t at = e.size();
    const uint32_t bytes = 4 + 2 * count;
    // Eight numbers of two bytes, put together in registers: read back as words they would be waited for.
    auto number = [&](uint32_t i) -> uint64_t { return fields[i] == 0 ? 0 : at - fields[i]; };
    const uint64_t vtable[2] = {
        bytes | uint64_t{at - start} << 16 | number(0) << 32 | number(1) << 48,
        number(2) | number(3) << 16 | number(4) << 32 | number(5) << 48};
    uint32_t where = 0;
    for (uint32_t i = 0; i < e.vtable_count_; ++i) {
      const Vtable& known = e.vtables_[i];
      if (known.bytes[0] == vtable[0] && known.bytes[1] == vtable[1]) {
        where = known.at;
        break;
      }
    }
    std::byte* table = e.now_;
    if (where == 0) {
      e.now_ -= bytes;
      std::memcpy(e.now_, vtable, bytes);
      where = e.size();
      if (e.vtable_count_ < kMostVtables) {
        e.vtables_[e.vtable_count_++] = {{vtable[0], vtable[1]}, where};
      }
    }
    int32_t distance = static_cast<int32_t>(where - at);
    std::memcpy(table, &distance, sizeof distance);
    return at;
  }

  Encoder& e;
  uint32_t start;
  uint32_t count = 0;
  uint32_t fields[6] = {};
};

Encoder::Encoder() = default;

Encoder::~Encoder() { std::free(begin_); }

Encoder& Encoder::local() {
  // A Codec may send messages of its own: then the outer message keeps its encoder and the inner gets another.
  thread_local std::vector<std::unique_ptr<Encoder>> encoders;
  for (const std::unique_ptr<Encoder>& encoder : encoders) {
    if (!encoder->building_) {
      return *encoder;
    }
  }
  encoders.push_back(std::make_unique<Encoder>());
  return *encoders.back();
}

void Encoder::clear() noexcept {
  if (static_cast<size_t>(end_ - begin_) > kKeep) {
    std::free(begin_);
    begin_ = end_ = nullptr;
  }
  now_ = end_;
  alignment_ = 1;
  level_ = 0;
  levels_ = 0;
  vtable_count_ = 0;
  names_code_ = false;
  items_.clear();
  handles_.clear();
  fds_.clear();
}

void Encoder::deepen() {
  if (level_ > kMostLevels) {
    --level_;  // the Level that asked is not constructed
    raise(internal::value_error(
        "mp: the value is nested deeper than 1000 levels; does it contain itself?"));
  }
  levels_ = level_;
}

void Encoder::grow(size_t bytes) {
  size_t used = static_cast<size_t>(end_ - now_);
  if (bytes > kLargest || used + bytes > kLargest) {
    internal::refuse_size();
  }
  size_t capacity = static_cast<size_t>(end_ - begin_);
  capacity = capacity < kFirst / 2 ? kFirst : capacity * 2;
  if (capacity < used + bytes) {
    capacity = used + bytes + kFirst;
  }
  capacity = std::min((capacity + 15) & ~size_t{15}, (kLargest + 15) & ~size_t{15});
  // malloc's 16-aligned memory: the end is aligned, so whatever is aligned from the end is aligned.
  std::byte* begin = static_cast<std::byte*>(std::malloc(capacity));
  if (begin == nullptr) {
    raise(internal::memory_error("mp: no memory to encode a message"));
  }
  std::byte* end = begin + capacity;
  if (used != 0) {
    std::memcpy(end - used, now_, used);
  }
  std::free(begin_);
  begin_ = begin;
  end_ = end;
  now_ = end - used;
}

inline void Encoder::pad(uint32_t size) noexcept {
  now_ -= size;
  std::memset(now_, 0, size);
}

// Pads so that the position after `after` more bytes is a multiple of `bytes`.
inline void Encoder::align(uint32_t bytes, uint32_t after) noexcept {
  if (bytes > alignment_) {
    alignment_ = bytes;
  }
  if (uint32_t gap = (0 - (size() + after)) & (bytes - 1); gap != 0) {
    pad(gap);
  }
}

template <class T>
inline void Encoder::push(T v) noexcept {
  now_ -= sizeof(T);
  std::memcpy(now_, &v, sizeof(T));
}

inline void Encoder::push_offset(uint32_t at) noexcept { push<uint32_t>(size() + 4 - at); }

Encoder::Ref Encoder::string(std::string_view v) {
  if (v.size() > kLargest) {
    internal::refuse_size();
  }
  reserve(v.size() + 16);
  uint32_t length = static_cast<uint32_t>(v.size());
  align(4, length + 1);
  pad(1);
  now_ -= length;
  if (length != 0) {
    std::memcpy(now_, v.data(), length);
  }
  push(length);
  return Ref(size());
}

// The member of the union, in its Value.
Encoder::Ref Encoder::wrap(Form form, uint32_t member) {
  reserve(64);
  Table table(*this);
  table.add_offset(1, member);
  table.add(0, form);
  return Ref(table.end());
}

template <class T>
Encoder::Ref Encoder::single(Form form, T v) {
  reserve(64);
  Table table(*this);
  table.add(0, v);
  return wrap(form, table.end());
}

Encoder::Ref Encoder::none() {
  reserve(64);
  Table table(*this);
  return wrap(Form::kNull, table.end());
}

Encoder::Ref Encoder::boolean(bool v) { return single(Form::kBool, static_cast<uint8_t>(v)); }
Encoder::Ref Encoder::integer(int64_t v) { return single(Form::kInt, v); }
Encoder::Ref Encoder::uinteger(uint64_t v) {
  return single(v >> 63 == 0 ? Form::kInt : Form::kUInt, v);
}
Encoder::Ref Encoder::real(double v) { return single(Form::kFloat, v); }

Encoder::Ref Encoder::text(std::string_view v) {
  uint32_t at = string(v).at_;
  reserve(64);
  Table table(*this);
  table.add_offset(0, at);
  return wrap(Form::kText, table.end());
}

Encoder::Ref Encoder::bytes(std::span<const std::byte> v) {
  return vector(Form::kBytes, v.data(), v.size(), 1);
}

Encoder::Ref Encoder::vector(Form form, const void* data, size_t count, size_t width) {
  if (count > kLargest / width) {
    internal::refuse_size();
  }
  size_t bytes = count * width;
  reserve(bytes + 32);
  align(4, static_cast<uint32_t>(bytes));
  if (bytes != 0) {
    align(static_cast<uint32_t>(width), static_cast<uint32_t>(bytes));
    now_ -= bytes;
    std::memcpy(now_, data, bytes);
  }
  push(static_cast<uint32_t>(count));
  uint32_t at = size();
  reserve(64);
  Table table(*this);
  table.add_offset(0, at);
  return wrap(form, table.end());
}

Encoder::Ref Encoder::sequence(Form form, std::span<const Ref> items) {
  if (items.size() > kLargest / 4) {
    internal::refuse_size();
  }
  reserve(items.size() * 4 + 16);
  align(4, static_cast<uint32_t>(items.size() * 4));
  for (size_t i = items.size(); i-- > 0;) {
    push_offset(items[i].at_);
  }
  push(static_cast<uint32_t>(items.size()));
  uint32_t at = size();
  reserve(64);
  Table table(*this);
  table.add_offset(0, at);
  return wrap(form, table.end());
}

Encoder::Ref Encoder::set(Ref items) {
  reserve(64);
  Table table(*this);
  table.add_offset(0, items.at_);
  return wrap(Form::kSet, table.end());
}

Encoder::Ref Encoder::dict(Ref keys, Ref values) {
  reserve(64);
  Table table(*this);
  table.add_offset(1, values.at_);
  table.add_offset(0, keys.at_);
  return wrap(Form::kDict, table.end());
}

Encoder::Ref Encoder::dict(std::span<const std::pair<Ref, Ref>> items) {
  auto half = [&](Ref std::pair<Ref, Ref>::*part) {
    Items refs(*this);
    for (const auto& item : items) {
      refs.add(item.*part);
    }
    return list(refs);
  };
  Ref keys = half(&std::pair<Ref, Ref>::first);
  return dict(keys, half(&std::pair<Ref, Ref>::second));
}

Encoder::Ref Encoder::variant(uint32_t index, Ref value) {
  reserve(64);
  Table table(*this);
  table.add_offset(1, value.at_);
  table.add(0, index);
  return wrap(Form::kChoice, table.end());
}

Encoder::Ref Encoder::tagged(std::string_view type, Ref value) {
  uint32_t name = string(type).at_;
  reserve(64);
  Table table(*this);
  table.add_offset(1, value.at_);
  table.add_offset(0, name);
  return wrap(Form::kTagged, table.end());
}

Encoder::Ref Encoder::duration(int64_t seconds, uint64_t picoseconds) {
  reserve(64);
  Table table(*this);
  table.add(1, picoseconds);
  table.add(0, seconds);
  return wrap(Form::kDuration, table.end());
}

Encoder::Ref Encoder::time(uint8_t clock, int64_t seconds, uint64_t picoseconds) {
  reserve(64);
  Table table(*this);
  table.add(2, picoseconds);
  table.add(1, seconds);
  table.add(0, clock);
  return wrap(Form::kTime, table.end());
}

Encoder::Ref Encoder::handle(uint32_t kind, uint64_t offset) {
  handles_.push_back(offset);
  reserve(64);
  Table table(*this);
  table.add(1, offset);
  table.add(0, kind);
  return wrap(Form::kHandle, table.end());
}

Encoder::Ref Encoder::fd(int number) {
  uint32_t index = static_cast<uint32_t>(fds_.size());
  fds_.push_back(number);
  return single(Form::kDescriptor, index);
}

Encoder::Ref Encoder::pointer(const internal::Token& target, int64_t adjustment) {
  names_code_ = true;
  reserve(128);
  Table table(*this);
  table.add(1, adjustment);
  table.add_token(0, target);
  return wrap(Form::kPointer, table.end());
}

Encoder::Ref Encoder::callable(const internal::Token& thunk, Ref state) {
  names_code_ = true;
  reserve(128);
  Table table(*this);
  table.add_offset(1, state.at_);
  table.add_token(0, thunk);
  return wrap(Form::kCallable, table.end());
}

Encoder::Ref Encoder::failure(const internal::FailureText& failure, Ref state) {
  auto optional = [&](std::string_view v) { return v.empty() ? Ref() : string(v); };
  uint32_t type = string(failure.type).at_;
  uint32_t text = string(failure.text).at_;
  uint32_t backtrace = optional(failure.backtrace).at_;
  uint32_t category = optional(failure.category).at_;
  reserve(128);
  Table table(*this);
  table.add(3, failure.code);
  table.add_offset(5, state.at_);
  table.add_offset(4, category);
  table.add_offset(2, backtrace);
  table.add_offset(1, text);
  table.add_offset(0, type);
  return wrap(Form::kFailure, table.end());
}

void Encoder::finish(Ref root) {
  reserve(32);
  align(alignment_ < 4 ? 4 : alignment_, 8);
  now_ -= 4;
  std::memcpy(now_, "MPVA", 4);
  push_offset(root.at_);
}

}  // namespace mp
