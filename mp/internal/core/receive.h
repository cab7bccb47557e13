// mp/internal/core/receive.h
//
// Takes a message off a channel together with the handles it carries.

#ifndef MP_INTERNAL_CORE_RECEIVE_H_
#define MP_INTERNAL_CORE_RECEIVE_H_

#include <cstdint>
#include <vector>

#include "mp/internal/core/channel.h"
#include "mp/internal/core/received.h"

namespace mp::internal {

// The reader's current message. Its objects are this process's before the commit: until then the
// message keeps them, and nothing does between the two.
template <class A, class Store>
void receive(ChannelReader<A, Store>& reader, Received& received) {
  if constexpr (A::kBug == Bug::kDropBeforeUseEnds) {
    std::vector<uint64_t> handles(reader.handles().begin(), reader.handles().end());
    received.fill(reader.message(), {}, reader.fd_tokens());
    reader.commit();
    received.committed();
    received.hold(handles);
    return;
  }
  received.fill(reader.message(), reader.handles(), reader.fd_tokens());
  reader.commit();
  received.committed();
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_RECEIVE_H_
