// mp/internal/pool/task_thunk.h
//
// A pool's task as a message: one call, or a function and a chunk of arguments for it, each of which is a call.

#ifndef MP_INTERNAL_POOL_TASK_THUNK_H_
#define MP_INTERNAL_POOL_TASK_THUNK_H_

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "mp/internal/frame/call.h"
#include "mp/internal/frame/holdable.h"
#include "mp/internal/frame/invoke.h"
#include "mp/internal/frame/message.h"
#include "mp/internal/frame/python_text.h"
#include "mp/internal/frame/thunk.h"
#include "mp/internal/pool/cursor.h"

namespace mp::internal {

// repr() as the value's own namespace has it.
namespace own_repr {
void repr() = delete;  // hides mp's: which of those there are depends on what is included
template <class T>
concept Has = requires(const T& value) {
  { repr(value) } -> std::convertible_to<std::string>;
};
template <class T>
std::string of(const T& value) {
  return repr(value);
}
}  // namespace own_repr

// At most `most` bytes of a text in UTF-8, not cut inside of a character.
std::string_view beginning_of(std::string_view text, size_t most);

// What an error says of a value: its text if it can be printed, or the beginning of that.
template <class T>
std::string printed(const T& value) {
  constexpr size_t kMost = 1024;
  std::string text;
  try {
    if constexpr (std::is_convertible_v<const T&, std::string_view>) {
      append_repr(text, beginning_of(value, kMost + 4));  // more than will be left
    } else if constexpr (!std::is_void_v<Culprit<T, CannotBeHeld>>) {
      // What prints everything would print it, an mp::Object, and cannot hold it.
    } else if constexpr (own_repr::Has<T>) {
      text = own_repr::of(value);
    } else if constexpr (requires(std::ostream & out) { out << value; }) {
      std::ostringstream out;
      out << value;
      text = std::move(out).str();
    }
  } catch (...) {
    // As an mp::Object, perhaps, with the codec that has just failed.
    text.clear();
  }
  if (text.size() > kMost) {
    text.resize(beginning_of(text, kMost).size());
    text += "...";
  }
  return !text.empty() ? text : "<" + pretty_name(type_name<T>()) + " object>";
}

inline constexpr uint64_t kTaskRole = hash_of("pool task");

// One run of a task in a worker: where its result goes, and how far it has come.
class TaskRun {
 public:
  // `send` sends the message that `encoder` then holds.
  TaskRun(Encoder& encoder, absl::FunctionRef<void()> send) : encoder_(encoder), send_(send) {}

  void send_none() {
    encode_message(encoder_, nullptr);
    send_();
  }
  // While the result lives.
  template <class R>
  void send(const R& result) {
    sending_ = true;
    try {
      encode_message(encoder_, result);
      send_();
    } catch (...) {
      result_text_ = printed(result);
      throw;
    }
  }
  // The call has returned: what is thrown now is about sending the result.
  bool sending() const noexcept { return sending_; }
  const std::string& result_text() const noexcept { return result_text_; }

 private:
  Encoder& encoder_;
  absl::FunctionRef<void()> send_;
  bool sending_ = false;
  std::string result_text_;
};

// What a call with the kept arguments S gives.
template <class F, class P, class S>
struct CallResult;
template <class F, class... P, class... S>
struct CallResult<F, Types<P...>, Types<S...>> {
  using type =
      std::decay_t<decltype(call_with(std::declval<F&>(), hand_over<P>(std::declval<S&>())...))>;
};

// One call: state is {f, arguments...}.
template <class F, class P, class S>
struct CallTask;
template <class F, class... P, class... S>
struct [[gnu::visibility("hidden")]] CallTask<F, Types<P...>, Types<S...>> {
  using Result = typename CallResult<F, Types<P...>, Types<S...>>::type;

  static void run(const Reader& state, TaskRun& run) {
    state.expect_items(1 + sizeof...(S), type_name<F>());
    F f = state[0].template as<F>();
    call(f, state, run, std::index_sequence_for<S...>());
  }
  inline static const Thunk thunk{kTaskRole, type_name<CallTask>(),
                                  reinterpret_cast<Thunk::Entry>(&run)};

 private:
  template <size_t... i>
  static void call(F & f, const Reader& state, TaskRun& run, std::index_sequence<i...>) {
    std::tuple<S...> kept{state[1 + i].template as<S>()...};
    if constexpr (std::is_void_v<Result>) {
      call_with(f, hand_over<P>(std::get<i>(kept))...);
      run.send_none();
    } else {
      const Result result = call_with(f, hand_over<P>(std::get<i>(kept))...);
      run.send(result);
    }
  }
};

template <class P, class List>
struct KeptTypes;
template <class... P, class... A>
struct KeptTypes<Types<P...>, Types<A...>> {
  using P_ = Types<P...>;
  using S_ = Types<Kept<P, A>...>;
};
template <class... A>
struct KeptTypes<void, Types<A...>>
    : KeptTypes<Types<std::enable_if_t<sizeof(A*) != 0, Given>...>, Types<A...>> {};

// A chunk: state is {f, items}. Item: what one item travels as.
template <class F, class P, class S, bool star>
struct ChunkTask;
template <class F, class... P, class... S, bool star>
struct [[gnu::visibility("hidden")]] ChunkTask<F, Types<P...>, Types<S...>, star> {
  using Result = typename CallResult<F, Types<P...>, Types<S...>>::type;
  using Item =
      std::conditional_t<star, std::tuple<S...>, std::tuple_element_t<0, std::tuple<S..., int>>>;

  static void run(const Reader& state, TaskRun& run) {
    state.expect_items(2, type_name<F>());
    F f = state[0].template as<F>();
    const Reader items = state[1];
    const size_t n = items.size();
    if constexpr (std::is_void_v<Result>) {
      each(f, items, n, [](auto&& call) { call(); });
      run.send_none();
    } else {
      std::vector<Result> results;
      results.reserve(n);
      each(f, items, n, [&](auto&& call) { results.push_back(call()); });
      run.send(results);
    }
  }
  inline static const Thunk thunk{kTaskRole, type_name<ChunkTask>(),
                                  reinterpret_cast<Thunk::Entry>(&run)};

 private:
  template <class See>
  static void each(F & f, const Reader& items, size_t n, const See& see) {
    if constexpr (!star && Scalar<Item>) {
      if (const Item* numbers = items.template scalars<Item>()) {
        for (size_t i = 0; i < n; ++i) {
          Item item = numbers[i];
          see([&]() -> decltype(auto) { return call_with(f, hand_over<P>(item)...); });
        }
        return;
      }
    }
    for (size_t i = 0; i < n; ++i) {
      Item item = items[i].template as<Item>();
      see([&]() -> decltype(auto) { return call(f, item, std::index_sequence_for<S...>()); });
    }
  }
  template <size_t... i>
  static decltype(auto) call(F & f, Item & item, std::index_sequence<i...>) {
    if constexpr (star) {
      return call_with(f, hand_over<P>(std::get<i>(item))...);
    } else {
      return call_with(f, hand_over<P>(item)...);
    }
  }
};

// Runs the task that a message is.
void run_task(const Reader& task, TaskRun& run);

// What a thunk is called on the wire; looked up once.
template <class T>
const Token& token_of() {
  static const Token token = T::thunk.token();
  return token;
}

// -- Building messages --

template <class F, class... A>
struct CallTaskOf {
  using Kept_ = KeptTypes<Parameters<F>, Types<A...>>;
  using type = CallTask<F, typename Kept_::P_, typename Kept_::S_>;
};

// The task f(arguments...).
template <class F, class... A>
void encode_task(Encoder& e, const F& f, const A&... arguments) {
  using Task = typename CallTaskOf<F, A...>::type;
  Encoder::Building building(e);
  Encoder::Level level(e);
  Encoder::Items state(e);
  state.add(e.value<F>(keep<F>(f)));
  Encoder::Ref parts = CallOf<F, A...>::encode(e, state, arguments...);
  e.finish(e.callable(token_of<Task>(), parts));
}

// Arguments: what an item is, as Types<...>.
template <bool star, class F, class Arguments>
struct ChunkTaskOf {
  using Kept_ = KeptTypes<Parameters<F>, Arguments>;
  using type = ChunkTask<F, typename Kept_::P_, typename Kept_::S_, star>;
};

// The next items, at most `n`, as one value; `count` is how many they were.
template <class Item, class T, class It, class End>
Encoder::Ref encode_items(Encoder& e, Cursor<It, End>& from, size_t n, size_t* count) {
  if constexpr (Scalar<Item> && std::is_same_v<Item, T> && std::contiguous_iterator<It> &&
                std::sized_sentinel_for<End, It>) {
    std::span<const Item> items = from.take_span(n);
    *count = items.size();
    return e.scalars(items);
  } else if constexpr (Scalar<Item> && !std::is_same_v<Item, bool>) {
    std::vector<Item> items;
    while (items.size() < n && from.more()) {
      items.push_back(keep<Item>(static_cast<const T&>(from.take())));
    }
    *count = items.size();
    return e.scalars(std::span<const Item>(items));
  } else {
    Encoder::Level level(e);
    Encoder::Items items(e);
    size_t i = 0;
    for (; i < n && from.more(); ++i) {
      // A temporary, of an iterator that makes its values, lives until the item is encoded.
      items.add(e.value<Item>(keep<Item>(static_cast<const T&>(from.take()))));
    }
    *count = i;
    return e.list(items);
  }
}

// The task of calling f with each of the next n items. Returns how many there were.
template <bool star, class Arguments, class T, class F, class It, class End>
size_t encode_chunk(Encoder& e, const F& f, Cursor<It, End>& from, size_t n) {
  using Task = typename ChunkTaskOf<star, F, Arguments>::type;
  Encoder::Building building(e);
  Encoder::Level level(e);
  Encoder::Items state(e);
  state.add(e.value<F>(keep<F>(f)));
  size_t count = 0;
  state.add(encode_items<typename Task::Item, T>(e, from, n, &count));
  e.finish(e.callable(token_of<Task>(), e.fields(state)));
  return count;
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_TASK_THUNK_H_
