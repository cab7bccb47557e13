// mp/bytes.h
//
// Bytes: a sequence of bytes. Python: bytes (but it can be changed).
//
//   mp::Bytes b("\x00\xff", 2);
//   std::cout << b;                      // b'\x00\xff'
//   queue.put(b);
//
// Handles    A value: a copy is another sequence.
// Safety     As a std::string.
// Ordering   None of its own.
// Blocking   Never.
// Cost       Up to 15 bytes need no memory of their own. Sending one is a copy.
// Death      It is memory of this process only, and goes with it.
// Crossing   Any way.
// Python     Indexing gives a std::byte; comparing, printing and repr are Python's.

#ifndef MP_BYTES_H_
#define MP_BYTES_H_

#include <compare>
#include <cstddef>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>

namespace mp {

class Bytes {
 public:
  using value_type = std::byte;
  using iterator = std::byte*;
  using const_iterator = const std::byte*;

  Bytes() = default;
  explicit Bytes(std::string_view bytes) : bytes_(bytes) {}
  explicit Bytes(std::span<const std::byte> bytes) : Bytes(bytes.data(), bytes.size()) {}
  Bytes(const void* data, size_t size) : bytes_(static_cast<const char*>(data), size) {}
  Bytes(const std::byte* first, const std::byte* last)
      : Bytes(first, static_cast<size_t>(last - first)) {}
  // `size` zero bytes. Python: bytes(size)
  static Bytes zeros(size_t size) {
    Bytes b;
    b.resize(size);
    return b;
  }

  size_t size() const noexcept { return bytes_.size(); }
  bool empty() const noexcept { return bytes_.empty(); }
  const std::byte* data() const noexcept {
    return reinterpret_cast<const std::byte*>(bytes_.data());
  }
  std::byte* data() noexcept { return reinterpret_cast<std::byte*>(bytes_.data()); }
  const std::byte* begin() const noexcept { return data(); }
  const std::byte* end() const noexcept { return data() + size(); }
  std::byte* begin() noexcept { return data(); }
  std::byte* end() noexcept { return data() + size(); }
  // `i` must be less than size().
  const std::byte& operator[](size_t i) const noexcept { return data()[i]; }
  std::byte& operator[](size_t i) noexcept { return data()[i]; }
  // The same bytes as characters, and as a string that is moved out.
  std::string_view view() const noexcept { return bytes_; }
  std::string take() && noexcept { return std::move(bytes_); }

  void resize(size_t size) { bytes_.resize(size); }
  void reserve(size_t size) { bytes_.reserve(size); }
  void clear() noexcept { bytes_.clear(); }
  void push_back(std::byte b) { bytes_.push_back(static_cast<char>(b)); }
  void append(const void* data, size_t size) {
    bytes_.append(static_cast<const char*>(data), size);
  }
  void assign(const std::byte* first, const std::byte* last) {
    bytes_.assign(reinterpret_cast<const char*>(first), static_cast<size_t>(last - first));
  }

  // Byte by byte, as unsigned numbers.
  friend bool operator==(const Bytes&, const Bytes&) = default;
  friend std::strong_ordering operator<=>(const Bytes& a, const Bytes& b) noexcept {
    return a.bytes_ <=> b.bytes_;
  }

 private:
  std::string bytes_;
};

// b'...', as Python writes it.
std::string repr(const Bytes& b);
std::ostream& operator<<(std::ostream& out, const Bytes& b);

}  // namespace mp

template <>
struct std::hash<mp::Bytes> {
  size_t operator()(const mp::Bytes& b) const noexcept {
    return std::hash<std::string_view>()(b.view());
  }
};

#endif  // MP_BYTES_H_
