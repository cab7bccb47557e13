#include "mp/dummy/sharedctypes.h"

#include <optional>
#include <utility>

namespace mp::dummy {

using internal::ElementType;
using internal::ThreadElements;

namespace {

// Memory of threads begins as zeros.
Value<Object> zero(char typecode, std::optional<ValueLock> lock) {
  ElementType type = internal::type_of_typecode(typecode);
  return Value<Object>(ThreadElements(type, 1), type, std::move(lock));
}

Value<Object> value_of(char typecode, const Object& value, std::optional<ValueLock> lock) {
  ElementType type = internal::type_of_typecode(typecode);
  ThreadElements elements(type, 1);
  internal::store_object(type, elements.data(), value);
  return Value<Object>(std::move(elements), type, std::move(lock));
}

Array<Object> array_of(char typecode, const Object& size_or_initializer,
                       std::optional<ValueLock> lock) {
  ElementType type = internal::type_of_typecode(typecode);
  ThreadElements elements(type, internal::length_of(size_or_initializer));
  internal::fill({type, elements.data(), elements.count()}, size_or_initializer);
  return Array<Object>(std::move(elements), type, std::move(lock));
}

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

}  // namespace mp::dummy
