// mp/flatbuffer.h
//
// FlatBuffers tables of your own schemas as values:
//
//   app::MonsterT orc;                                   // flatc --gen-object-api
//   queue.put(orc);                                      // mp::Queue<app::MonsterT>
//
//   flatbuffers::FlatBufferBuilder builder;
//   builder.Finish(app::CreateMonster(builder, 80));
//   connection.send(mp::FlatBuffer<app::Monster>(builder));
//   auto monster = connection.recv<mp::FlatBuffer<app::Monster>>();
//   std::cout << monster->hp();                          // read in place
//
// Both travel alike: what is sent as one can be received as the other. The message names the table's type; another type is
// an mp::TypeError.
//
// Handles    A value; copies share the bytes, which never change.
// Safety     As a const object.
// Ordering   None of its own.
// Blocking   Never.
// Cost       Sending and receiving: one copy of the buffer each, and a run of the Verifier when it is received.
// Death      It is memory of this process only, and goes with it.
// Crossing   Any way. Bytes that the Verifier refuses are an mp::CodecError.
// Python     Has none.

#ifndef MP_FLATBUFFER_H_
#define MP_FLATBUFFER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "flatbuffers/flatbuffers.h"
#include "mp/codec.h"

namespace mp {

namespace internal {

// Raises the CodecError of bytes that the Verifier refuses.
[[noreturn]] void refuse_flatbuffer(std::string_view type);

// A copy of the bytes of a `Table`, checked, at an address that suits any of its fields.
template <class Table>
std::vector<uint8_t> flatbuffer_bytes(const Reader& r) {
  std::span<const std::byte> bytes = r.tagged(type_name<Table>()).bytes();
  const uint8_t* first = reinterpret_cast<const uint8_t*>(bytes.data());
  std::vector<uint8_t> copy(first, first + bytes.size());
  flatbuffers::Verifier verifier(copy.data(), copy.size());
  if (copy.empty() || !verifier.VerifyBuffer<Table>(nullptr)) {
    refuse_flatbuffer(type_name<Table>());
  }
  return copy;
}

inline Encoder::Ref encode_flatbuffer(Encoder& e, std::string_view type, const uint8_t* data,
                                      size_t size) {
  return e.tagged(type, e.bytes(std::as_bytes(std::span<const uint8_t>(data, size))));
}

}  // namespace internal

// A finished buffer whose root is a Table.
template <class Table>
class FlatBuffer {
 public:
  // Copies the buffer of a finished builder. It must be a Table's.
  explicit FlatBuffer(const flatbuffers::FlatBufferBuilder& builder)
      : FlatBuffer(std::vector<uint8_t>(builder.GetBufferPointer(),
                                        builder.GetBufferPointer() + builder.GetSize())) {}

  const Table& operator*() const { return *operator->(); }
  const Table* operator->() const { return flatbuffers::GetRoot<Table>(bytes_->data()); }
  std::span<const uint8_t> bytes() const noexcept { return *bytes_; }

 private:
  friend Codec<FlatBuffer>;
  explicit FlatBuffer(std::vector<uint8_t> bytes)
      : bytes_(std::make_shared<const std::vector<uint8_t>>(std::move(bytes))) {}

  std::shared_ptr<const std::vector<uint8_t>> bytes_;
};

template <class Table>
struct Codec<FlatBuffer<Table>> {
  static constexpr bool kNeverNone = true;
  static Encoder::Ref encode(Encoder& e, const FlatBuffer<Table>& v) {
    return internal::encode_flatbuffer(e, internal::type_name<Table>(), v.bytes().data(),
                                       v.bytes().size());
  }
  static FlatBuffer<Table> decode(const Reader& r) {
    return FlatBuffer<Table>(internal::flatbuffer_bytes<Table>(r));
  }
};

// The classes of flatc's object API.
template <class T>
requires std::is_base_of_v<flatbuffers::NativeTable, T>
struct Codec<T> {
  using Table = typename T::TableType;
  static constexpr bool kNeverNone = true;
  static Encoder::Ref encode(Encoder& e, const T& v) {
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(Table::Pack(builder, &v));
    return internal::encode_flatbuffer(e, internal::type_name<Table>(), builder.GetBufferPointer(),
                                       builder.GetSize());
  }
  static T decode(const Reader& r) {
    T v;
    flatbuffers::GetRoot<Table>(internal::flatbuffer_bytes<Table>(r).data())->UnPackTo(&v);
    return v;
  }
};

}  // namespace mp

#endif  // MP_FLATBUFFER_H_
