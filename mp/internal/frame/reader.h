// mp/internal/frame/reader.h
//
// Reader: a view of one value of a finished message, for Codec<T>::decode. It trusts the bytes, as those of the family can
// be; verify() comes before, where they are somebody else's.
//
// Each accessor raises TypeError when the value is something else; `wanted` is how the text calls what was expected.

#ifndef MP_INTERNAL_FRAME_READER_H_
#define MP_INTERNAL_FRAME_READER_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "mp/internal/frame/encoder.h"
#include "mp/internal/frame/form.h"
#include "mp/internal/frame/type_name.h"

namespace mp {

namespace internal {

// Where a message came from, with the file descriptors that came with it.
class FdSource {
 public:
  // Descriptor number `index`, which is the caller's from now on. Raises CodecError when there is none.
  virtual int take_fd(uint32_t index) = 0;
  // True if only mp's own code in a process of the family can have written it: what that verified when it wrote needs no
  // second look.
  virtual bool verified() const noexcept { return false; }

 protected:
  ~FdSource() = default;
};

}  // namespace internal

class Reader {
 public:
  // Nothing.
  Reader() = default;
  // The root of a message, which must be 8-aligned and stay. Raises CodecError when it is none.
  static Reader open(std::span<const std::byte> message, internal::FdSource* fds = nullptr);

  internal::Form form() const noexcept { return form_; }
  bool is(internal::Form form) const noexcept { return form_ == form; }
  bool is_none() const noexcept { return form_ == internal::Form::kNull; }
  // Whether the message's writer is trusted: FdSource::verified().
  bool verified() const noexcept { return fds_ != nullptr && fds_->verified(); }
  // What it is, as a message calls it: "int", "list", "a struct of 3 fields".
  std::string found() const;
  // Raises the TypeError "expected <wanted>, found <found>".
  [[noreturn]] void refuse(std::string_view wanted) const;

  // The value as any type that has a Codec.
  template <class T>
  T as() const {
    return Codec<T>::decode(*this);
  }

  bool boolean(std::string_view wanted = "bool") const {
    expect(internal::Form::kBool, wanted);
    return number_ != 0;
  }
  // Also of a bool. Raises ValueError when the number is no I.
  template <class I = int64_t>
  I integer(std::string_view wanted = internal::type_name<I>()) const {
    static_assert(std::is_integral_v<I>);
    return static_cast<I>(integer(static_cast<int64_t>(std::numeric_limits<I>::min()),
                                  static_cast<uint64_t>(std::numeric_limits<I>::max()), wanted));
  }
  // Also of an integer.
  double real(std::string_view wanted = "float") const;
  std::string_view text(std::string_view wanted = "str") const {
    expect(internal::Form::kText, wanted);
    return {static_cast<const char*>(data_), size_};
  }
  std::span<const std::byte> bytes(std::string_view wanted = "bytes") const;

  // Sequences: lists, tuples, structs, texts, bytes and vectors of numbers.
  bool is_sequence() const noexcept {
    return (form_ >= internal::Form::kBytes && form_ <= internal::Form::kTuple) ||
           form_ == internal::Form::kFields;
  }
  size_t size(std::string_view wanted = "list") const {
    if (!is_sequence()) [[unlikely]] {
      refuse(wanted);
    }
    return size_;
  }
  // Item `i`, which must be less than size().
  Reader operator[](size_t i) const;
  // Raises TypeError unless it is a sequence of exactly `count` values.
  void expect_items(size_t count, std::string_view wanted) const {
    if (!is_sequence() || size_ != count) [[unlikely]] {
      refuse(wanted);
    }
  }
  // The numbers themselves if they are exactly T's, else null; their count is size().
  template <internal::Scalar T>
  const T* scalars() const noexcept {
    return form_ == internal::vector_form<T>() ? static_cast<const T*>(data_) : nullptr;
  }

  // The items of a set; the keys and values of a dict. Each is a sequence; the last two are equally long.
  Reader items(std::string_view wanted = "set") const;
  Reader keys(std::string_view wanted = "dict") const;
  Reader values(std::string_view wanted = "dict") const;

  // Which alternative, and its value.
  uint32_t variant_index(std::string_view wanted = "variant") const;
  Reader variant_value() const;

  // The value inside a tagged() one. Raises TypeError when it was tagged with another name.
  Reader tagged(std::string_view type) const;
  // The name, "" if there is none; the value behind any name.
  std::string_view tag() const;
  Reader untagged() const;

  // Seconds and picoseconds of a duration or time; the clock is 0 for a duration.
  struct Span {
    int64_t seconds;
    uint64_t picoseconds;
    uint8_t clock;
  };
  Span duration(std::string_view wanted = "duration") const;
  Span time(std::string_view wanted = "time") const;

  // What a handle leads to, a number of shm/kind.h; 0 for what is no handle.
  uint32_t handle_kind() const noexcept;
  // The arena offset of an object of this kind.
  uint64_t handle(uint32_t kind, std::string_view wanted = "a handle") const;
  // The file descriptor, which is the caller's from now on: a second call finds none.
  int take_fd(std::string_view wanted = "a file descriptor") const;

  internal::Token pointer(int64_t* adjustment, std::string_view wanted) const;
  // The thunk's token and what it expects.
  internal::Token callable(Reader* state, std::string_view wanted) const;
  // The texts last as long as the message does.
  internal::FailureText failure(Reader* state, std::string_view wanted = "an exception") const;

 private:
  Reader(internal::Form form, const void* data, internal::FdSource* fds) noexcept
      : form_(form), fds_(fds), data_(data) {}
  static Reader of(const void* value, internal::FdSource* fds);
  void expect(internal::Form form, std::string_view wanted) const {
    if (form_ != form) [[unlikely]] {
      refuse(wanted);
    }
  }
  uint64_t integer(int64_t least, uint64_t most, std::string_view wanted) const {
    int64_t v = static_cast<int64_t>(number_);
    if (form_ == internal::Form::kInt && v >= least && (v < 0 || number_ <= most)) [[likely]] {
      return number_;
    }
    return other_integer(most, wanted);
  }
  uint64_t other_integer(uint64_t most, std::string_view wanted) const;

  internal::Form form_ = internal::Form::kNothing;
  uint32_t size_ = 0;  // of a sequence or text
  internal::FdSource* fds_ = nullptr;
  // Where the elements of a sequence or text are; else the table.
  const void* data_ = nullptr;
  uint64_t number_ = 0;  // a Bool, Int, UInt or Float
};

}  // namespace mp

#endif  // MP_INTERNAL_FRAME_READER_H_
