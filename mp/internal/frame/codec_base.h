// mp/internal/frame/codec_base.h
//
// Codec, what it takes for a type to have one, and what the compiler says when it has none.

#ifndef MP_INTERNAL_FRAME_CODEC_BASE_H_
#define MP_INTERNAL_FRAME_CODEC_BASE_H_

#include <concepts>
#include <string_view>
#include <type_traits>

#include "mp/internal/frame/aggregate.h"
#include "mp/internal/frame/category.h"
#include "mp/internal/frame/encoder.h"
#include "mp/internal/frame/reader.h"
#include "mp/internal/frame/type_name.h"

namespace mp {
namespace internal {

template <class... T>
struct Types {};

// The codec of a category. One that is made of other types says so with `using Parts = Types<...>`; one whose messages have a
// fixed shape says so with kFast (fast.h).
template <class T, Category category>
struct BuiltIn {
  using CannotCross = void;
};

}  // namespace internal

// How a T travels. Specialize it for your type:
//   static mp::Encoder::Ref encode(mp::Encoder&, const T&);
//   static T decode(const mp::Reader&);
template <class T>
struct Codec : internal::BuiltIn<T, internal::category<T>()> {};

namespace internal {

template <class T>
concept Encodes = !requires {
  typename Codec<T>::CannotCross;
}
&&requires(Encoder& e, const T& v) {
  { Codec<T>::encode(e, v) } -> std::same_as<Encoder::Ref>;
};

template <class T>
concept Decodes = !requires {
  typename Codec<T>::CannotCross;
}
&&requires(const Reader& r) {
  { Codec<T>::decode(r) } -> std::same_as<T>;
};

template <class T>
using CannotBeSent = std::bool_constant<!Encodes<T>>;
template <class T>
using CannotBeShipped = std::bool_constant<!Encodes<T> || !Decodes<T>>;

// The first type inside T of which Bad is true, as std::type_identity; void if there is none. Path: the types around T. A type
// inside itself is no problem.
template <template <class> class Bad, class T, class... Path>
constexpr auto culprit();

template <template <class> class Bad, class... Path>
constexpr auto first_culprit(Types<>) {
  return std::type_identity<void>();
}
template <template <class> class Bad, class... Path, class T, class... More>
constexpr auto first_culprit(Types<T, More...>) {
  using Found = decltype(culprit<Bad, T, Path...>());
  if constexpr (std::is_same_v<Found, std::type_identity<void>>) {
    return first_culprit<Bad, Path...>(Types<More...>());
  } else {
    return Found();
  }
}

template <template <class> class Bad, class T, class... Path>
constexpr auto culprit() {
  if constexpr ((std::is_same_v<T, Path> || ...)) {
    return std::type_identity<void>();
  } else if constexpr (Bad<T>::value) {
    return std::type_identity<T>();
  } else if constexpr (requires { typename Codec<T>::Parts; }) {
    return first_culprit<Bad, T, Path...>(typename Codec<T>::Parts());
  } else {
    return std::type_identity<void>();
  }
}

template <class T, template <class> class Bad>
using Culprit = typename decltype(culprit<Bad, T>())::type;

template <class T>
constexpr bool is_closure() {
  // "main()::<lambda(int)>" or "(lambda at file.cc:3:5)"
  return type_name<T>().find("lambda") != std::string_view::npos;
}

template <class T>
constexpr bool name_starts(std::string_view with) {
  return type_name<T>().substr(0, with.size()) == with;
}

// Why a T that has no codec cannot cross.
template <class T>
struct Reasons {
  template <class U>
  static constexpr bool aggregate_is(AggregateProblem problem) {
    if constexpr (std::is_aggregate_v<U> && std::is_class_v<U>) {
      return aggregate_problem<U>() == problem;
    } else {
      return false;
    }
  }

  static constexpr bool kReference = std::is_reference_v<T>;
  static constexpr bool kConst = !kReference && !std::is_same_v<T, std::remove_cv_t<T>>;
  static constexpr bool kPointer = std::is_pointer_v<T> || std::is_member_object_pointer_v<T>;
  // A pointer to one has the name too.
  static constexpr bool is_named(std::string_view with) {
    return std::is_class_v<T> && name_starts<T>(with);
  }
  static constexpr bool kOwner =
      is_named("std::unique_ptr<") || is_named("std::shared_ptr<") || is_named("std::weak_ptr<");
  static constexpr bool kStdFunction = is_named("std::function<");
  static constexpr bool kAny = is_named("std::any");
  static constexpr bool kWrapper = is_named("std::reference_wrapper<");
  static constexpr bool kProcess = is_named("mp::Process") || is_named("mp::internal::ProcessBy<");
  static constexpr bool kDummy = is_named("mp::dummy::");
  static constexpr bool kOfThreads =
      is_named("std::mutex") || is_named("std::recursive_mutex") ||
      is_named("std::condition_variable") || is_named("std::atomic<") ||
      is_named("std::counting_semaphore<") || is_named("std::barrier<") ||
      is_named("std::thread") || is_named("absl::Mutex");
  static constexpr bool kWide =
      std::is_arithmetic_v<T> || name_starts<T>("__int128") || name_starts<T>("unsigned __int128");
  static constexpr bool kView = category<T>() == Category::kTextView ||
                                category<T>() == Category::kScalars ||
                                category<T>() == Category::kSequence;
  static constexpr bool kArray = std::is_array_v<T> && !kView;
  static constexpr bool kClosure = std::is_class_v<T> && is_closure<T>() && !kStdFunction;
  static constexpr bool kBase = aggregate_is<T>(AggregateProblem::kBase) && !requires {
    typename T::TableType;
  };
  static constexpr bool kArrayField = aggregate_is<T>(AggregateProblem::kArray);
  static constexpr bool kReferenceField = aggregate_is<T>(AggregateProblem::kReference);
  static constexpr bool kManyFields = aggregate_is<T>(AggregateProblem::kTooManyFields);
  static constexpr bool kVirtual = !kBase && std::is_polymorphic_v<T>;
  static constexpr bool kUnion = std::is_union_v<T>;
  static constexpr bool kNativeTable = requires { typename T::TableType; };
  static constexpr bool kOther =
      !(kReference || kConst || kPointer || kOwner || kStdFunction || kAny || kWrapper ||
        kProcess || kDummy || kOfThreads || kWide || kView || kArray || kClosure || kBase ||
        kNativeTable || kArrayField || kReferenceField || kManyFields || kVirtual || kUnion);
  // It is not the user's own, who might give it one.
  static constexpr bool kForeign = kPointer || kOwner || kStdFunction || kAny || kWrapper ||
                                   kProcess || kDummy || kOfThreads || kClosure;
};

// Compiles to an error that names T, and Whole, whose part it is.
template <class T, class Whole>
struct CannotCross {
  using R = Reasons<T>;
  static_assert(!R::kReference,
                "mp: a reference cannot cross to another process. Send the value, or an mp object "
                "(mp::Value, mp::Array, mp::Queue ...) that both processes share.");
  static_assert(!R::kConst,
                "mp: a const or volatile type cannot be received. Use the type without it.");
  static_assert(
      !R::kPointer,
      "mp: a raw pointer cannot cross to another process: it points into this one's "
      "memory. Send the value, an mp::Bytes, or an mp object (mp::Value, mp::Array ...).");
  static_assert(!R::kOwner,
                "mp: a smart pointer cannot cross to another process: its object stays in this "
                "one's memory. Send the value, or std::optional of it.");
  static_assert(!R::kStdFunction,
                "mp: a std::function cannot cross to another process: what it holds is hidden. Use "
                "mp::Function<R(A...)>, which takes what can cross.");
  static_assert(!R::kAny, "mp: a std::any cannot cross to another process. Use mp::Object.");
  static_assert(
      !R::kWrapper,
      "mp: a std::reference_wrapper cannot cross to another process. Send the value, or an "
      "mp object that both processes share.");
  static_assert(
      !R::kProcess,
      "mp: a Process belongs to the process that made it. Send its pid(), or an mp::Queue "
      "or mp::Event through which it is heard.");
  static_assert(!R::kDummy,
                "mp: a class of mp::dummy is for the threads of one process. Use mp's class of the "
                "same name.");
  static_assert(!R::kOfThreads,
                "mp: what synchronizes threads does not reach another process. Use mp::Lock, "
                "mp::RLock, mp::Condition, mp::Semaphore, mp::Barrier, mp::Value.");
  static_assert(!R::kWide, "mp: this number type has no form on the wire. Use double or int64_t.");
  static_assert(!R::kView,
                "mp: a view cannot be received: nobody would own what it shows. Use std::string or "
                "std::vector; a view can be sent.");
  static_assert(!R::kArray, "mp: a C array cannot cross to another process. Use std::array.");
  static_assert(
      !R::kClosure,
      "mp: a lambda with captures cannot cross to another process: its captures cannot be "
      "seen. Write [] and pass them as arguments, or with mp::bind(f, values...), or as "
      "the fields of a struct with operator(). Under fork, mp::ForkProcess takes any.");
  static_assert(
      !R::kBase,
      "mp: a struct with a base class cannot cross field by field. Make the base a field, "
      "or give the struct `auto fields() { return std::tie(a, b); }` or an mp::Codec.");
  static_assert(
      !R::kNativeTable,
      "mp: the codec of FlatBuffers' classes is in another header: include mp/flatbuffer.h.");
  static_assert(
      !R::kArrayField,
      "mp: a struct with a C array cannot cross field by field. Use std::array, or give the "
      "struct `auto fields() { return std::tie(a, b); }` or an mp::Codec.");
  static_assert(!R::kReferenceField,
                "mp: a struct with a reference cannot cross to another process. Make the field a "
                "value, or an mp object that both processes share.");
  static_assert(
      !R::kManyFields,
      "mp: a struct with more than 24 fields, or with a C array, cannot cross field by "
      "field. Use std::array, split it, or give it `auto fields() { return std::tie(a, b); "
      "}` or an mp::Codec.");
  static_assert(!R::kVirtual,
                "mp: a class with virtual functions cannot cross field by field. Give it `auto "
                "fields() { return std::tie(a, b); }` or an mp::Codec.");
  static_assert(!R::kUnion,
                "mp: a union cannot cross to another process: nobody knows which member is alive. "
                "Use std::variant.");
  static_assert(
      !R::kOther,
      "mp: this class has no mp::Codec. Make it an aggregate (public fields, no "
      "constructors), or give it `auto fields() { return std::tie(a, b); }`, or specialize "
      "mp::Codec for it.");
  // One complaint is enough: a static_assert(require_...) around this one has none of its own.
  static constexpr bool value = true;
};

template <class T, template <class> class Bad, template <class, class> class Complaint>
constexpr bool require() {
  using C = Culprit<T, Bad>;
  if constexpr (std::is_void_v<C>) {
    return true;
  } else {
    return Complaint<C, T>::value;
  }
}

// Does not compile unless T can be sent; or, sent and received; true all the same. Put it where the
// user names T.
template <class T>
constexpr bool require_sendable() {
  return require<T, CannotBeSent, CannotCross>();
}
template <class T>
constexpr bool require_shippable() {
  return require<T, CannotBeShipped, CannotCross>();
}

}  // namespace internal

// Values that can be sent to another process, and values that can be received there too.
template <class T>
concept Sendable = std::is_void_v<internal::Culprit<T, internal::CannotBeSent>>;
template <class T>
concept Shippable = std::is_void_v<internal::Culprit<T, internal::CannotBeShipped>>;

}  // namespace mp

#endif  // MP_INTERNAL_FRAME_CODEC_BASE_H_
