// mp/internal/core/shared_object.h
//
// ObjectValue and ObjectArray: the Value and Array of mp::Object, over memory and locks of processes
// or of threads. Without a lock they are the raw ones.

#ifndef MP_INTERNAL_CORE_SHARED_OBJECT_H_
#define MP_INTERNAL_CORE_SHARED_OBJECT_H_

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "mp/internal/core/element.h"
#include "mp/internal/core/element_reference.h"
#include "mp/internal/core/object_elements.h"
#include "mp/internal/shm/kind.h"
#include "mp/object.h"
#include "mp/timeout.h"

namespace mp::internal {

// Memory: Elements or ThreadElements.
template <class Memory>
class SharedObject {
 public:
  using Lock = typename Memory::Lock;
  using value_type = Object;

  // As the reference prints it: 'l' of a 'q'.
  char typecode() const noexcept { return static_cast<char>(type_.tag); }

  // Throw mp::AttributeError when there is no lock: it was made as a raw one, or is what get_obj()
  // returned.
  const Lock& get_lock() const { return lock_of("get_lock"); }
  bool acquire(Timeout timeout = kForever) const { return lock_of("acquire").acquire(timeout); }
  void release() const { lock_of("release").release(); }
  void lock() const { acquire(); }
  bool try_lock() const { return acquire(0); }
  void unlock() const { release(); }

  friend bool operator==(const SharedObject& a, const SharedObject& b) noexcept {
    return a.memory_ == b.memory_;
  }

 protected:
  SharedObject(Memory memory, ElementType type, std::optional<Lock> lock)
      : memory_(std::move(memory)), type_(type), lock_(std::move(lock)) {}

  // One access; without a lock it is just made.
  template <class F>
  auto in_turn(const F& access) const {
    std::optional<Turn<Lock>> turn;
    if (lock_.has_value()) {
      turn.emplace(*lock_);
    }
    return access();
  }
  // What change(v) returns; `keep` follows it.
  template <class F, class Keep>
  static auto changed(Object& v, F&& change, const Keep& keep) {
    if constexpr (std::is_void_v<std::invoke_result_t<F, Object&>>) {
      std::forward<F>(change)(v);
      keep();
    } else {
      auto result = std::forward<F>(change)(v);
      keep();
      return result;
    }
  }
  template <class F>
  auto locked(const F& access) const {
    if (!lock_.has_value()) {
      return access();
    }
    std::scoped_lock hold(*lock_);
    return access();
  }
  const Lock& lock_of(const char* attribute) const {
    if (!lock_.has_value()) {
      raise_attribute(name_of(type_), attribute);
    }
    return *lock_;
  }

  Memory memory_;
  ElementType type_;
  std::optional<Lock> lock_;
};

// V: the class that is made of it.
template <class V, class Memory>
class ObjectValue : public SharedObject<Memory> {
  using Base = SharedObject<Memory>;
  using Lock = typename Memory::Lock;

 public:
  ObjectValue(Memory memory, ElementType type, std::optional<Lock> lock)
      : Base(std::move(memory), type, std::move(lock)) {}

  Object value() const {
    return this->in_turn([&] { return load_object(this->type_, this->memory_.data()); });
  }
  void set_value(const Object& v) const {
    this->in_turn([&] { store_object(this->type_, this->memory_.data(), v); });
  }
  // Calls change(Object&) with the value, under the lock, and stores what it made of it; returns what
  // it returns.
  template <class F>
  auto update(F&& change) const {
    return this->locked([&] {
      Object v = load_object(this->type_, this->memory_.data());
      return this->changed(v, std::forward<F>(change),
                           [&] { store_object(this->type_, this->memory_.data(), v); });
    });
  }
  V get_obj() const {
    this->lock_of("get_obj");
    return V(this->memory_, this->type_, std::nullopt);
  }

  // What repr() gives.
  std::string text() const {
    return this->lock_.has_value() ? locked_value_text(this->type_, this->memory_.data())
                                   : value_text(this->type_, this->memory_.data());
  }
};

template <class A, class Memory>
class ObjectArray : public SharedObject<Memory> {
  using Base = SharedObject<Memory>;
  using Lock = typename Memory::Lock;

 public:
  ObjectArray(Memory memory, ElementType type, std::optional<Lock> lock)
      : Base(std::move(memory), type, std::move(lock)) {}

  size_t size() const noexcept { return this->memory_.count(); }
  Object get(int64_t i) const {
    return this->in_turn([&] { return elements().get(i); });
  }
  void set(int64_t i, const Object& v) const {
    this->in_turn([&] { elements().set(i, v); });
  }
  // Throws mp::IndexError here, not when it is used.
  ElementReference<ObjectArray> operator[](int64_t i) const {
    elements().at(i);
    return {*this, i};
  }
  // Calls change(Object&) with element i, or with all as slice() gives them, under the lock, and
  // stores what it made of it; returns what it returns.
  template <class F>
  auto update(int64_t i, F&& change) const {
    return this->locked([&] {
      Object v = elements().get(i);
      return this->changed(v, std::forward<F>(change), [&] { elements().set(i, v); });
    });
  }
  template <class F>
  auto update(F&& change) const {
    return this->locked([&] {
      Object all = elements().slice({}, {}, 1);
      return this->changed(all, std::forward<F>(change),
                           [&] { elements().set_slice({}, {}, all, 1); });
    });
  }
  // The elements, each read in a turn of its own.
  ElementIterator<ObjectArray> begin() const { return {this, 0}; }
  ElementIterator<ObjectArray> end() const { return {this, static_cast<int64_t>(size())}; }
  // A list; bytes of 'c', str of 'u'.
  Object slice(Bound start = {}, Bound stop = {}, int64_t step = 1) const {
    return this->in_turn([&] { return elements().slice(start, stop, step); });
  }
  void set_slice(Bound start, Bound stop, const Object& values, int64_t step = 1) const {
    this->in_turn([&] { elements().set_slice(start, stop, values, step); });
  }
  // Of 'c'. mp::AttributeError for others.
  Object value() const {
    return this->in_turn([&] { return elements().value(owner()); });
  }
  void set_value(const Object& v) const {
    this->in_turn([&] { elements().set_value(owner(), v); });
  }
  Object raw() const {
    return this->in_turn([&] { return elements().raw(owner()); });
  }
  void set_raw(const Object& v) const {
    this->in_turn([&] { elements().set_raw(owner(), v); });
  }
  A get_obj() const {
    this->lock_of("get_obj");
    return A(this->memory_, this->type_, std::nullopt);
  }

  // What repr() gives.
  std::string text() const {
    const ObjectElements e = elements();
    return this->lock_.has_value() ? locked_array_text(e.type, e.count, e.data)
                                   : array_text(e.type, e.count, e.data);
  }

 private:
  ObjectElements elements() const {
    return {this->type_, this->memory_.data(), this->memory_.count()};
  }
  // The class whose attributes are asked for, as the reference calls it; null: the raw array.
  const char* owner() const { return this->lock_.has_value() ? "SynchronizedArray" : nullptr; }
};

// New ones, for mp/sharedctypes.h: Value is an ObjectValue over Memory, Array an ObjectArray.
template <class Value, class Memory>
Value zero(char typecode, std::optional<typename Memory::Lock> lock) {
  ElementType type = type_of_typecode(typecode);
  return Value(Memory(Kind::kValue, type, 1, Memory::Fill::kZero), type, std::move(lock));
}

template <class Value, class Memory>
Value value_of(char typecode, const Object& value, std::optional<typename Memory::Lock> lock) {
  ElementType type = type_of_typecode(typecode);
  Memory memory(Kind::kValue, type, 1, Memory::Fill::kZero);
  store_object(type, memory.data(), value);
  return Value(std::move(memory), type, std::move(lock));
}

template <class Array, class Memory>
Array array_of(char typecode, const Object& size_or_initializer,
               std::optional<typename Memory::Lock> lock) {
  ElementType type = type_of_typecode(typecode);
  Memory memory(Kind::kArray, type, length_of(size_or_initializer), Memory::Fill::kZero);
  fill({type, memory.data(), memory.count()}, size_or_initializer);
  return Array(std::move(memory), type, std::move(lock));
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_SHARED_OBJECT_H_
