// mp/internal/pool/item_types.h
//
// The arguments that an item of a range is.

#ifndef MP_INTERNAL_POOL_ITEM_TYPES_H_
#define MP_INTERNAL_POOL_ITEM_TYPES_H_

#include <iterator>
#include <tuple>
#include <type_traits>
#include <utility>

#include "mp/internal/frame/invoke.h"

namespace mp::internal {

// The arguments that an item of a range is: itself, or, `star`, the parts of a tuple.
template <bool star, class T>
struct ItemTypes {
  using type = Types<T>;
};
template <class... T>
struct ItemTypes<true, std::tuple<T...>> {
  using type = Types<std::decay_t<T>...>;
};
template <class A, class B>
struct ItemTypes<true, std::pair<A, B>> {
  using type = Types<std::decay_t<A>, std::decay_t<B>>;
};
template <bool star, class Range>
using ItemArguments =
    typename ItemTypes<star, std::decay_t<decltype(*std::begin(std::declval<Range&>()))>>::type;

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_ITEM_TYPES_H_
