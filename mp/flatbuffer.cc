#include "mp/flatbuffer.h"

#include "mp/errors.h"

namespace mp::internal {

void refuse_flatbuffer(std::string_view type) {
  raise(make_status("CodecError", absl::StatusCode::kDataLoss,
                    "mp: the message is not a well-formed FlatBuffer of " + pretty_name(type)));
}

}  // namespace mp::internal
