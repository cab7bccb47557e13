// mp/internal/pool/item_types.h
//
// The arguments that an item of a range is, and what a call with them gives.

#ifndef MP_INTERNAL_POOL_ITEM_TYPES_H_
#define MP_INTERNAL_POOL_ITEM_TYPES_H_

#include <cstddef>
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

// Ranges whose items can be counted before they are read.
template <class Range>
concept KnowsItsSize = requires(Range& r) {
  std::size(r);
}
|| (std::forward_iterator<decltype(std::begin(std::declval<Range&>()))> &&
    std::is_same_v<decltype(std::begin(std::declval<Range&>())),
                   decltype(std::end(std::declval<Range&>()))>);
template <KnowsItsSize Range>
size_t size_of(Range& range) {
  if constexpr (requires { std::size(range); }) {
    return std::size(range);
  } else {
    return static_cast<size_t>(std::distance(std::begin(range), std::end(range)));
  }
}

// Stands for the results of a call that does not compile, so that the reason is the only thing that the compiler says.
struct Refused {
  template <class T>
  operator T() const;
  template <class... A>
  Refused get(A&&...) const;
  Refused* begin() const;
  Refused* end() const;
};
// What an F gives that is called with these: softly, so that who has options can be told the reason.
template <class Work, class Arguments, class F>
struct OutcomeOf {
  using type = Refused;
};
template <class Work, class... A, class F>
requires(Work::template kFits<Types<A...>, F>) struct OutcomeOf<Work, Types<A...>, F> {
  using type = typename Work::template CallResult<F, A...>;
};
template <class Work, class F, class... A>
using CallOutcome = typename OutcomeOf<Work, Types<std::decay_t<A>...>, std::decay_t<F>>::type;
template <class Work, bool star, class F, class Range>
using ItemOutcome = typename OutcomeOf<Work, ItemArguments<star, Range>, std::decay_t<F>>::type;

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_ITEM_TYPES_H_
