// mp/internal/core/object_elements.h
//
// Elements whose type is known at run time only, as mp::Objects: what ctypes makes of them. The
// errors are ctypes's.

#ifndef MP_INTERNAL_CORE_OBJECT_ELEMENTS_H_
#define MP_INTERNAL_CORE_OBJECT_ELEMENTS_H_

#include <cstdint>
#include <string>

#include "mp/internal/core/element.h"
#include "mp/object.h"

namespace mp::internal {

// The element type of a typecode of the reference. TypeError for any other character.
ElementType type_of_typecode(char code);

Object load_object(const ElementType& type, const void* at);
// Integers are cut to the width of the element, as C does. TypeError when `v` is none for it.
void store_object(const ElementType& type, void* at, const Object& v);

// A view of elements somewhere.
struct ObjectElements {
  ElementType type;
  void* data;
  uint64_t count;

  void* at(int64_t i) const;
  Object get(int64_t i) const { return load_object(type, at(i)); }
  void set(int64_t i, const Object& v) const { store_object(type, at(i), v); }
  // bytes of 'c', str of 'u', a list of others.
  Object slice(Bound start, Bound stop, int64_t step) const;
  // All of `values`, or, on an error, none.
  void set_slice(Bound start, Bound stop, const Object& values, int64_t step) const;
  // Of 'c' and 'u', and of 'c'. AttributeError for the rest, which `owner` has not.
  Object value(const char* owner) const;
  void set_value(const char* owner, const Object& v) const;
  Object raw(const char* owner) const;
  void set_raw(const char* owner, const Object& v) const;
};

// The length that an array made of `size_or_initializer` has, and how to fill it.
uint64_t length_of(const Object& size_or_initializer);
void fill(const ObjectElements& elements, const Object& size_or_initializer);

// AttributeError "'c_int' object has no attribute 'get_lock'".
[[noreturn]] void raise_attribute(const std::string& owner, const char* attribute);

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_OBJECT_ELEMENTS_H_
