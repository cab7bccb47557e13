// mp/internal/proc/mailbox.h
//
// The family's mailbox for file descriptors: a descriptor put in comes out again in any process of the family, once, by
// its token, also when the sender is dead. It is a pair of sockets that all members inherit; the kernel keeps what is in
// it.
//
// Safety   Any thread of any member.
// Bounded  At most mailbox_room() descriptors wait at a time; one more is an OSError.
// Death    Taking looks at the head, and what it does not want goes to the tail before it leaves the head: killed in
//          between, a descriptor is there twice, never not at all. The lock of the mailbox then names a dead owner, and
//          the next one throws the duplicates out. Killed between taking and using: the descriptor was the taker's, and
//          is closed with it. What belongs to a message that nobody will receive is thrown away by the family, see
//          Deposits.

#ifndef MP_INTERNAL_PROC_MAILBOX_H_
#define MP_INTERNAL_PROC_MAILBOX_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "mp/internal/base/unique_fd.h"

namespace mp::internal {

// A token: never 0 and never given out again in the life of the family.
uint64_t mailbox_token();

// Leaves a copy of `fd` under `token`.
absl::Status mailbox_put(uint64_t token, int fd);

// Takes it out; close-on-exec. An OSError when it is not there (any more).
absl::StatusOr<UniqueFd> mailbox_take(uint64_t token);
// The same, and it stays there.
absl::StatusOr<UniqueFd> mailbox_copy(uint64_t token);

// Takes it out and closes it, if it is there. False when it may still be there.
bool mailbox_discard(uint64_t token) noexcept;

// How many descriptors may wait at a time.
int mailbox_room();
// Snapshot of how many do; for leak checks.
int mailbox_waiting();

// The token of some descriptor that waits; false when none does.
bool mailbox_peek_for_test(uint64_t* token);

// For starting a member by exec: both ends, made if need be.
struct MailboxEnds {
  int in = -1;
  int out = -1;
};
absl::StatusOr<MailboxEnds> mailbox_ends();
// In such a member.
void mailbox_adopt(UniqueFd in, UniqueFd out);

}  // namespace mp::internal

#endif  // MP_INTERNAL_PROC_MAILBOX_H_
