#include "mp/sharedctypes.h"

#include <optional>
#include <string_view>
#include <utility>

namespace mp {

using internal::Elements;
using internal::ElementType;
using internal::Kind;

namespace {

constexpr auto zero = internal::zero<Value<Object>, Elements>;
constexpr auto value_of = internal::value_of<Value<Object>, Elements>;
constexpr auto array_of = internal::array_of<Array<Object>, Elements>;

std::string_view name_of(Kind kind) { return kind == Kind::kValue ? "mp::Value" : "mp::Array"; }

// As a typed Value or Array crosses: {elements, lock}, or the elements of a raw one.
Encoder::Ref encode_shared(Encoder& e, Kind kind, const Elements& elements,
                           const std::optional<ValueLock>& lock) {
  if (!lock.has_value()) {
    return elements.encode(e);
  }
  const Encoder::Ref parts[] = {elements.encode(e), e.value(*lock)};
  return internal::encode_handle(e, name_of(kind), parts);
}

template <class Shared>
Shared decode_shared(Kind kind, const Reader& r,
                     Shared (*make)(Elements, std::optional<ValueLock>)) {
  if (r.handle_kind() == static_cast<uint32_t>(kind)) {
    return make(Elements::decode(kind, nullptr, r), std::nullopt);
  }
  Reader parts = internal::decode_handle(name_of(kind), 2, r);
  return make(Elements::decode(kind, nullptr, parts[0]), parts[1].as<ValueLock>());
}

ElementType type_of(const Elements& elements) { return *internal::element_type_of(elements.tag()); }

}  // namespace

Value<Object> make_value(char typecode, const Object& value, const ValueLock& lock) {
  return value_of(typecode, value, lock);
}
Value<Object> make_value(char typecode, const Object& value) {
  return value_of(typecode, value, ValueLock());
}
Value<Object> make_value(char typecode) { return zero(typecode, ValueLock()); }
Value<Object> make_raw_value(char typecode, const Object& value) {
  return value_of(typecode, value, std::nullopt);
}
Value<Object> make_raw_value(char typecode) { return zero(typecode, std::nullopt); }

Array<Object> make_array(char typecode, const Object& size_or_initializer, const ValueLock& lock) {
  return array_of(typecode, size_or_initializer, lock);
}
Array<Object> make_array(char typecode, const Object& size_or_initializer) {
  return array_of(typecode, size_or_initializer, ValueLock());
}
Array<Object> make_raw_array(char typecode, const Object& size_or_initializer) {
  return array_of(typecode, size_or_initializer, std::nullopt);
}

Encoder::Ref Codec<Value<Object>>::encode(Encoder& e, const Value<Object>& v) {
  return encode_shared(e, Kind::kValue, v.memory_, v.lock_);
}
Value<Object> Codec<Value<Object>>::decode(const Reader& r) {
  return decode_shared<Value<Object>>(
      Kind::kValue, r, [](Elements elements, std::optional<ValueLock> lock) {
        ElementType type = type_of(elements);
        return Value<Object>(std::move(elements), type, std::move(lock));
      });
}

Encoder::Ref Codec<Array<Object>>::encode(Encoder& e, const Array<Object>& a) {
  return encode_shared(e, Kind::kArray, a.memory_, a.lock_);
}
Array<Object> Codec<Array<Object>>::decode(const Reader& r) {
  return decode_shared<Array<Object>>(
      Kind::kArray, r, [](Elements elements, std::optional<ValueLock> lock) {
        ElementType type = type_of(elements);
        return Array<Object>(std::move(elements), type, std::move(lock));
      });
}

}  // namespace mp
