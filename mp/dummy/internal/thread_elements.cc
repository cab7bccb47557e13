#include "mp/dummy/internal/thread_elements.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"

namespace mp::internal {

ThreadElements::ThreadElements(Kind, const ElementType& type, uint64_t count, Fill fill)
    : count_(count) {
  constexpr uint64_t kMost = std::numeric_limits<int64_t>::max() - 63;
  uint64_t bytes = count > kMost / type.size ? kMost : count * type.size;
  uint64_t rounded = (std::max<uint64_t>(bytes, 1) + 63) / 64 * 64;
  void* data = std::aligned_alloc(64, rounded);
  if (data == nullptr) {
    raise(memory_error(
        absl::StrCat("mp: no memory for ", count, " elements of ", type.size, " bytes")));
  }
  if (fill == Fill::kZero) {
    std::memset(data, 0, rounded);
  }
  data_ = std::shared_ptr<void>(data, std::free);
}

}  // namespace mp::internal
