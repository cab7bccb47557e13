// mp/process_of.h
//
// ProcessOf: a class whose objects are processes. Python: a subclass of Process with run().
//
//   struct Worker : mp::ProcessOf<Worker> {
//     explicit Worker(mp::Queue<std::string> q) : q(q) {}
//     void run() override { q.put("hello from " + name()); }   // in the child
//     auto fields() { return std::tie(q); }                    // what the child gets
//     mp::Queue<std::string> q;
//   };
//
//   Worker w(q);
//   w.start();
//   w.join();
//
// Handles   A copy is another handle to the same process, with a copy of the fields. A copy that is
//           a plain Process can do everything but start it.
// Safety    As Process. start() reads the fields: nobody may change them meanwhile.
// Ordering  As Process. The child gets the fields as they are at start().
// Blocking  As Process.
// Cost      As Process; by spawn and forkserver the fields cross as arguments do.
// Death     As Process.
// Crossing  By fork the child has the object itself, other members included. By spawn and forkserver
//           it has another object of the class, with the fields: made without arguments if there is
//           such a constructor, and then assigned to, else made of the fields. Anything that has a
//           Codec is a field. The child's object is current_process().
// Python    fields() says which attributes cross; in Python all do. Called "Worker-1" and so on.

#ifndef MP_PROCESS_OF_H_
#define MP_PROCESS_OF_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "mp/internal/frame/call.h"
#include "mp/internal/frame/type_name.h"
#include "mp/internal/proc/target.h"
#include "mp/process.h"

namespace mp {

template <class D>
class ProcessOf;

namespace internal {

// The next object of a user's class that this thread makes stands for this process.
void next_object_is_current() noexcept;

// "Worker" for "app::(anonymous namespace)::Worker".
std::string class_name(std::string_view type);
// Raises the TypeError of a class that derives from a class of processes.
[[noreturn]] void refuse_derived(const std::type_info& object, std::string_view base);

// Not HasFields: that may have been asked of an unfinished class, by an overload in its run(), and answered for good.
template <class D>
concept NamesFields = requires(D& object) {
  std::tuple_size<decltype(object.fields())>::value;
};

// The types of what fields() names: Types<F...>.
template <class Tuple>
struct FieldTypes;
template <class... F>
struct FieldTypes<std::tuple<F...>> {
  using type = Types<std::remove_cvref_t<F>...>;
  static constexpr bool kAreReferences = (std::is_lvalue_reference_v<F> && ...);
};

template <size_t>
struct Field;

// Does not compile, with a message that says why, unless each field can cross.
template <class... F>
constexpr bool require_fields() {
  return []<size_t... i>(std::index_sequence<i...>) {
    return (require_argument<Field<i + 1>, F>() && ...);
  }
  (std::index_sequence_for<F...>());
}

// In the child: an object of the class, and its run().
template <class D, class List>
struct ArrivedObject;
template <class D, class... F>
struct ArrivedObject<D, Types<F...>> {
  void operator()(F... fields) const {
    next_object_is_current();
    if constexpr (std::is_default_constructible_v<D>) {
      D object;
      object.fields() = std::tuple<F&&...>(std::move(fields)...);
      run(object);
    } else {
      D object(std::move(fields)...);
      run(object);
    }
  }

 private:
  static void run(ProcessOf<D>& object) { object.run(); }
};

// Runs an object of a user's class. The object lives as long as start() takes.
template <class D>
class ObjectTarget final : public Target {
 public:
  explicit ObjectTarget(D& object) : object_(object) {}

  // In a copy of this process, and so of the object.
  void run() override { static_cast<ProcessOf<D>&>(object_).run(); }

  bool encode(Encoder& encoder) const override {
    using Fields = FieldTypes<decltype(object_.fields())>;
    static_assert(Fields::kAreReferences,
                  "mp: fields() returns std::tie(...) of members, not copies of them");
    // Of a class without run() there is no object; the compiler says so where one is declared.
    if constexpr (!std::is_abstract_v<D>) {
      encode_fields(encoder, typename Fields::type());
    }
    return true;
  }

 private:
  template <class... F>
  void encode_fields(Encoder& encoder, Types<F...> types) const {
    static_assert(std::is_default_constructible_v<D> || std::is_constructible_v<D, F...>,
                  "mp: by spawn and forkserver an object of this class is made in the child: it "
                  "needs a constructor without arguments, or one that takes the fields()");
    if constexpr (require_fields<F...>()) {
      if (typeid(object_) != typeid(D)) {
        refuse_derived(typeid(object_), type_name<D>());
      }
      std::apply(
          [&](const F&... fields) {
            encode_call(encoder, ArrivedObject<D, decltype(types)>(), fields...);
          },
          object_.fields());
    }
  }

  D& object_;
};

}  // namespace internal

template <class D>
class ProcessOf : public Process {
 public:
  explicit ProcessOf(Options options = {})
      : Process(std::string_view(internal::class_name(internal::type_name<D>())),
                std::move(options)) {}

  // What the child does.
  virtual void run() = 0;

 protected:
  std::unique_ptr<internal::Target> target() const final {
    static_assert(std::is_base_of_v<ProcessOf, D>,
                  "mp: write struct Worker : mp::ProcessOf<Worker>, with the class's own name");
    static_assert(internal::NamesFields<D>,
                  "mp: a class of processes says which of its members the child gets: give it a "
                  "public auto fields() { return std::tie(a, b); }, or std::tie() if there are "
                  "none");
    if constexpr (internal::NamesFields<D>) {
      // Start() is const as all of a handle is; fields() and run() need not be.
      return std::make_unique<internal::ObjectTarget<D>>(
          const_cast<D&>(static_cast<const D&>(*this)));
    } else {
      return nullptr;
    }
  }
};

}  // namespace mp

#endif  // MP_PROCESS_OF_H_
