#include "mp/dummy/sharedctypes.h"

#include <optional>

namespace mp::dummy {

using internal::ThreadElements;

namespace {

constexpr auto zero = internal::zero<Value<Object>, ThreadElements>;
constexpr auto value_of = internal::value_of<Value<Object>, ThreadElements>;
constexpr auto array_of = internal::array_of<Array<Object>, ThreadElements>;

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
