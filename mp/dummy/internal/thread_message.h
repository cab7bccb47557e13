// mp/dummy/internal/thread_message.h
//
// ThreadMessage: a value on its way through a mp::dummy::Connection. It stays the object that it is;
// who asks for another type than was sent gets it through the codec, as between processes.

#ifndef MP_DUMMY_INTERNAL_THREAD_MESSAGE_H_
#define MP_DUMMY_INTERNAL_THREAD_MESSAGE_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "mp/codec.h"
#include "mp/internal/frame/type_name.h"

namespace mp {
class Object;
}  // namespace mp

namespace mp::internal {

// A copy of a message, 8-aligned as decode_message() wants it: decoding may run code that takes the
// encoder again.
class AlignedBytes {
 public:
  AlignedBytes() = default;
  explicit AlignedBytes(std::span<const std::byte> bytes);
  std::span<const std::byte> span() const noexcept {
    return {reinterpret_cast<const std::byte*>(words_.data()), size_};
  }

 private:
  std::vector<uint64_t> words_;
  size_t size_ = 0;
};

// Values whose message can be read, but not as what they were: they show what somebody else owns.
template <class T>
concept View = Sendable<T> && !Shippable<T>;
template <class T>
concept TextView = View<T> &&(category<T>() == Category::kTextView);

// The file descriptors of a message that was just built: who takes one gets a duplicate.
class DuplicatedFds final : public FdSource {
 public:
  explicit DuplicatedFds(const Encoder& encoder)
      : fds_(encoder.fds().begin(), encoder.fds().end()) {}
  int take_fd(uint32_t index) override;

 private:
  std::vector<int> fds_;  // the sender's
};

// A copy of what has no copy constructor but can cross to another process, as mp::Fd.
template <class T>
T copy_of(const T& value) {
  if constexpr (std::copy_constructible<T>) {
    return value;
  } else {
    Encoder& encoder = Encoder::local();
    encode_message(encoder, value);
    DuplicatedFds fds(encoder);
    return decode_message<T>(AlignedBytes(encoder.message()).span(), &fds);
  }
}

// About how many bytes `value` takes: itself and its elements, not what these hold.
template <class T>
uint64_t weight_of(const T& value) {
  // Containers of one type of element; an Object has a size() only when it is one.
  if constexpr (requires {
                  typename T::value_type;
                  { value.size() } -> std::convertible_to<uint64_t>;
                  *value.begin();
                } &&
                !std::is_same_v<T, Object>) {
    return sizeof(T) + value.size() * sizeof(*value.begin());
  } else {
    return sizeof(T);
  }
}

class ThreadMessage {
 public:
  template <class T>
  static ThreadMessage of(T&& value) {
    using V = std::remove_cvref_t<T>;
    if constexpr (TextView<V>) {
      return hold(std::string(view_of(value)));
    } else if constexpr (View<V>) {
      // What it shows may be gone when it is received.
      Encoder& encoder = Encoder::local();
      encode_message(encoder, value);
      return encoded(encoder);
    } else if constexpr (std::is_lvalue_reference_v<T>) {
      return hold(copy_of<V>(value));
    } else {
      return hold(std::move(value));
    }
  }
  // The user's own bytes.
  static ThreadMessage raw(std::span<const std::byte> bytes);

  // The value as a T. Raises what mp::Connection::recv() raises.
  template <class T>
  T take() {
    if (value_ != nullptr && *type_ == typeid(T)) [[likely]] {
      return std::move(static_cast<Holder<T>&>(*value_).value);
    }
    if constexpr (Shippable<T>) {
      check_encoded();
      encode();
      return decode_message<T>(bytes_.span(), fds_.get());
    } else {
      refuse(pretty_name(type_name<T>()));
    }
  }
  // The user's own bytes, or those that a value would travel as.
  std::span<const std::byte> bytes() {
    if (!raw_) {
      encode();
    }
    return bytes_.span();
  }

  uint64_t weight() const noexcept { return weight_; }

 private:
  struct Value {
    virtual ~Value() = default;
    // False if it cannot be.
    virtual bool encode(Encoder& encoder) const = 0;
  };
  template <class T>
  struct Holder final : Value {
    template <class V>
    explicit Holder(V&& v) : value(std::forward<V>(v)) {}
    bool encode(Encoder& encoder) const override {
      if constexpr (Sendable<T>) {
        encode_message(encoder, value);
        return true;
      } else {
        return false;
      }
    }
    T value;
  };

  ThreadMessage() = default;
  template <class T>
  static ThreadMessage hold(T&& value) {
    using V = std::remove_cvref_t<T>;
    ThreadMessage m;
    m.weight_ = weight_of(value);
    m.type_ = &typeid(V);
    m.value_ = std::make_unique<Holder<V>>(std::forward<T>(value));
    return m;
  }
  static ThreadMessage encoded(const Encoder& encoder);
  void check_encoded() const;
  // Makes bytes_ and fds_ of the value.
  void encode();
  [[noreturn]] void refuse(std::string_view wanted) const;

  uint64_t weight_ = 0;
  // A value, or bytes; or both, once the value was asked for as bytes.
  const std::type_info* type_ = nullptr;
  std::unique_ptr<Value> value_;
  bool raw_ = false;
  AlignedBytes bytes_;
  std::unique_ptr<DuplicatedFds> fds_;
};

}  // namespace mp::internal

#endif  // MP_DUMMY_INTERNAL_THREAD_MESSAGE_H_
