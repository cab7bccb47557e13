// mp/internal/frame/encoder.h
//
// Encoder: builds one message, a FlatBuffer with the root Value of value.fbs. Codec<T>::encode makes the parts with it:
//
//   template <>
//   struct mp::Codec<Money> {
//     static mp::Encoder::Ref encode(mp::Encoder& e, const Money& m) { return e.integer(m.cents()); }
//     static Money decode(const mp::Reader& r) { return Money(r.integer()); }
//   };
//
// Parts come before the whole: list() takes Refs of values that are already made. A Ref belongs to the message that is being
// built; each is used once.

#ifndef MP_INTERNAL_FRAME_ENCODER_H_
#define MP_INTERNAL_FRAME_ENCODER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "mp/internal/frame/form.h"

namespace mp {

template <class T>
struct Codec;

namespace internal {

// A FlatBuffer's offsets are signed 32-bit numbers.
inline constexpr size_t kLargestMessage = 0x7fffffff;
// Raises the ValueError of a larger one.
[[noreturn]] void refuse_size();

// mp.wire.Token: a place in a module of the program.
struct Token {
  uint64_t module_high = 0;
  uint64_t module_low = 0;
  uint64_t offset = 0;
  uint64_t check = 0;
};

// What mp.wire.Failure says of an exception.
struct FailureText {
  std::string_view type;
  std::string_view text;
  std::string_view backtrace;
  int64_t code = 0;
  std::string_view category;
};

}  // namespace internal

class Encoder {
 public:
  // A value of the message.
  class Ref {
   public:
    Ref() = default;

   private:
    friend Encoder;
    explicit Ref(uint32_t at) : at_(at) {}
    uint32_t at_ = 0;  // distance from the end of the message; 0: none
  };

  // Collects the parts of a list, a tuple or the like.
  class Items {
   public:
    explicit Items(Encoder& encoder) : encoder_(encoder), first_(encoder.items_.size()) {}
    ~Items() { encoder_.items_.resize(first_); }
    Items(const Items&) = delete;
    Items& operator=(const Items&) = delete;
    void add(Ref value) { encoder_.items_.push_back(value); }
    // For the call that consumes it: a later add() anywhere invalidates it.
    operator std::span<const Ref>() const {
      return std::span<const Ref>(encoder_.items_).subspan(first_);
    }

   private:
    Encoder& encoder_;
    size_t first_;
  };

  // Collects texts, which travel side by side: the compact form of a list of them.
  class Texts {
   public:
    explicit Texts(Encoder& encoder) : encoder_(encoder), items_(encoder) {}
    void add(std::string_view v) { items_.add(encoder_.string(v)); }
    Ref finish() { return encoder_.sequence(internal::Form::kTexts, items_); }

   private:
    Encoder& encoder_;
    Items items_;
  };

  // Open while the parts of a container are made. Raises ValueError when values are nested deeper than kMostLevels, as a
  // container that contains itself is.
  class Level {
   public:
    explicit Level(Encoder& encoder) : encoder_(encoder) {
      if (++encoder_.level_ > encoder_.levels_) [[unlikely]] {
        encoder_.deepen();
      }
    }
    ~Level() { --encoder_.level_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Encoder& encoder_;
  };
  static constexpr uint32_t kMostLevels = 1000;

  Encoder();
  ~Encoder();
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  // One of this thread's encoders that is not building a message. What it built stays until it is taken again.
  static Encoder& local();

  // Any value that has a Codec.
  template <class T>
  Ref value(const T& v) {
    return Codec<T>::encode(*this, v);
  }

  Ref none();
  Ref boolean(bool v);
  Ref integer(int64_t v);
  Ref uinteger(uint64_t v);
  Ref real(double v);
  Ref text(std::string_view v);
  Ref bytes(std::span<const std::byte> v);
  // Numbers side by side: the compact form of a list of them.
  template <internal::Scalar T>
  Ref scalars(std::span<const T> v) {
    return vector(internal::vector_form<T>(), v.data(), v.size(), sizeof(T));
  }
  template <class Range>
  Ref texts(const Range& range) {
    Texts texts(*this);
    for (const auto& v : range) {
      texts.add(v);
    }
    return texts.finish();
  }
  Ref list(std::span<const Ref> items) { return sequence(internal::Form::kList, items); }
  Ref tuple(std::span<const Ref> items) { return sequence(internal::Form::kTuple, items); }
  // The fields of a struct.
  Ref fields(std::span<const Ref> items) { return sequence(internal::Form::kFields, items); }
  // `items`, `keys`, `values`: a list, texts or scalars. Keys and values are equally many.
  Ref set(Ref items);
  Ref dict(Ref keys, Ref values);
  Ref set(std::span<const Ref> items) { return set(list(items)); }
  Ref dict(std::span<const std::pair<Ref, Ref>> items);
  // Alternative number `index` of several types.
  Ref variant(uint32_t index, Ref value);
  // A value with the name of its type: Reader::tagged() gives it back to those who expect that name only.
  Ref tagged(std::string_view type, Ref value);

  // A length of time, or a point in time; see value.fbs.
  Ref duration(int64_t seconds, uint64_t picoseconds);
  Ref time(uint8_t clock, int64_t seconds, uint64_t picoseconds);

  // An object of the family. The offset is in handles() too.
  Ref handle(uint32_t kind, uint64_t offset);
  // A file descriptor, which stays the caller's. It is in fds(); the message holds its index there.
  Ref fd(int number);
  Ref pointer(const internal::Token& target, int64_t adjustment);
  Ref callable(const internal::Token& thunk, Ref state);
  Ref failure(const internal::FailureText& failure, Ref state);

  // Ends the message.
  void finish(Ref root);
  // The finished message; 8-aligned if it holds anything of 8 bytes.
  std::span<const std::byte> message() const noexcept { return {now_, end_}; }
  std::span<const uint64_t> handles() const noexcept { return handles_; }
  std::span<const int> fds() const noexcept { return fds_; }
  // Whether it names code of this program: a function, or a callable.
  bool names_code() const noexcept { return names_code_; }
  // How deep the values are nested; verify() refuses foreign messages deeper than kForeignLevels.
  uint32_t levels() const noexcept { return levels_; }

  // Begins the next message. Memory over kKeep is given back.
  void clear() noexcept;
  static constexpr size_t kKeep = size_t{1} << 20;

  // Between start and end of this, local() does not hand the encoder out again.
  class Building {
   public:
    explicit Building(Encoder& encoder) : encoder_(encoder) {
      encoder_.clear();
      encoder_.building_ = true;
    }
    ~Building() { encoder_.building_ = false; }
    Building(const Building&) = delete;
    Building& operator=(const Building&) = delete;

   private:
    Encoder& encoder_;
  };

 private:
  struct Table;
  // A vtable that the message already has: its bytes, zero-filled, and where it is.
  struct Vtable {
    uint64_t bytes[2];
    uint32_t at;
  };
  static constexpr size_t kMostVtables = 48;

  uint32_t size() const noexcept { return static_cast<uint32_t>(end_ - now_); }
  void deepen();
  void reserve(size_t bytes) {
    if (static_cast<size_t>(now_ - begin_) < bytes) [[unlikely]] {
      grow(bytes);
    }
  }
  void grow(size_t bytes);
  void pad(uint32_t size) noexcept;
  void align(uint32_t bytes, uint32_t after = 0) noexcept;
  template <class T>
  void push(T v) noexcept;
  void push_offset(uint32_t at) noexcept;
  Ref string(std::string_view v);
  Ref vector(internal::Form form, const void* data, size_t count, size_t width);
  Ref sequence(internal::Form form, std::span<const Ref> items);
  template <class T>
  Ref single(internal::Form form, T v);
  Ref wrap(internal::Form form, uint32_t member);

  std::byte* begin_ = nullptr;
  std::byte* now_ = nullptr;
  std::byte* end_ = nullptr;
  uint32_t alignment_ = 1;
  uint32_t level_ = 0;
  uint32_t levels_ = 0;
  uint32_t vtable_count_ = 0;
  bool building_ = false;
  bool names_code_ = false;
  std::vector<Ref> items_;
  std::vector<uint64_t> handles_;
  std::vector<int> fds_;
  Vtable vtables_[kMostVtables];
};

namespace internal {
using mp::Encoder;
}

}  // namespace mp

#endif  // MP_INTERNAL_FRAME_ENCODER_H_
