#include "mp/internal/frame/call.h"

#include "absl/strings/str_cat.h"
#include "mp/errors.h"

namespace mp::internal {

void refuse_result(std::string_view type) {
  raise(type_error(absl::StrCat("mp: the call returned a ", pretty_name(type),
                                ", which cannot cross to another process")));
}

void run_call(const Reader& call, Encoder* result) {
  Reader state;
  Token token = call.callable(&state, "a call");
  auto run = reinterpret_cast<void (*)(const Reader&, Encoder*)>(find_thunk(token, kCallRole));
  run(state, result);
}

}  // namespace mp::internal
