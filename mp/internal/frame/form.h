// mp/internal/frame/form.h
//
// Form: which table of value.fbs a value is. The numbers are those of the union Any, checked in reader.cc.

#ifndef MP_INTERNAL_FRAME_FORM_H_
#define MP_INTERNAL_FRAME_FORM_H_

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace mp::internal {

enum class Form : uint8_t {
  kNothing,  // no value here, or one of a later version
  kNull,
  kBool,
  kInt,
  kUInt,
  kFloat,
  kText,
  kBytes,
  kBools,
  kInt8s,
  kInt16s,
  kInt32s,
  kInt64s,
  kUInt8s,
  kUInt16s,
  kUInt32s,
  kUInt64s,
  kFloat32s,
  kFloat64s,
  kTexts,
  kList,
  kTuple,
  kSet,
  kDict,
  kFields,
  kChoice,
  kDuration,
  kTime,
  kTagged,
  kHandle,
  kDescriptor,
  kPointer,
  kCallable,
  kFailure,
};

// Numbers that travel side by side in one vector: everything arithmetic but long double, and enumerations.
template <class T>
concept Scalar = (std::is_integral_v<T> && sizeof(T) <= 8) || std::is_same_v<T, float> ||
                 std::is_same_v<T, double> || std::is_enum_v<T>;

// The form of a vector of T.
template <Scalar T>
constexpr Form vector_form() {
  if constexpr (std::is_same_v<T, std::byte>) {
    return Form::kBytes;
  } else if constexpr (std::is_enum_v<T>) {
    return vector_form<std::underlying_type_t<T>>();
  } else if constexpr (std::is_same_v<T, bool>) {
    return Form::kBools;
  } else if constexpr (std::is_floating_point_v<T>) {
    return sizeof(T) == 4 ? Form::kFloat32s : Form::kFloat64s;
  } else {
    constexpr int kLog = sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3;
    constexpr Form kFirst = std::is_signed_v<T> ? Form::kInt8s : Form::kUInt8s;
    return static_cast<Form>(static_cast<int>(kFirst) + kLog);
  }
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_FRAME_FORM_H_
