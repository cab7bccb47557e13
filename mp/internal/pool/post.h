// mp/internal/pool/post.h
//
// How messages are put into the rings of a Desk.

#ifndef MP_INTERNAL_POOL_POST_H_
#define MP_INTERNAL_POOL_POST_H_

#include "absl/status/status.h"
#include "mp/internal/core/channel.h"
#include "mp/internal/core/queue_core.h"
#include "mp/internal/pool/desk.h"

namespace mp::internal {

// Adds one message to what `writer`, which is open, is going to publish.
absl::Status add_post(ChannelWriter<>& writer, const PostHeader& header, const Encoded& message);

// Writes one message into a ring.
absl::Status post(const QueueCore& ring, const PostHeader& header, const Encoded& message);

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_POST_H_
