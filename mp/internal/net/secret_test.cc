#include "mp/internal/net/secret.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "mp/errors.h"

namespace mp::internal {
namespace {

std::string_view text_of(const Secret& secret) {
  return {reinterpret_cast<const char*>(secret.bytes().data()), secret.bytes().size()};
}

template <class E>
std::string error_of(std::string_view key) {
  try {
    Secret secret(key);
  } catch (const E& e) {
    return e.what();
  }
  return "no such error";
}

TEST(Secret, IsACopyThatMoves) {
  std::string key = "a key";
  Secret secret(key);
  key = "other";
  Secret there = std::move(secret);
  EXPECT_EQ(text_of(there), "a key");
  EXPECT_TRUE(secret.bytes().empty());
  there = Secret();
  EXPECT_TRUE(there.bytes().empty());
}

TEST(Secret, WithoutMemoryItIsAMemoryErrorThatSaysOfWhat) {
  EXPECT_EQ(error_of<MemoryError>({"", size_t{1} << 60}),
            "mp: there is no memory for a copy of an authkey of 1152921504606846976 bytes");
}

// From now on this process's madvise(MADV_DONTDUMP) has no memory.
void refuse_dontdump() {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[2])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MADV_DONTDUMP, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{static_cast<unsigned short>(std::size(program)), program};
  ASSERT_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  ASSERT_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

TEST(Secret, WhatTheKernelDoesNotKeepOutOfCoreDumpsIsNoKey) {
  const pid_t child = fork();
  if (child == 0) {
    refuse_dontdump();
    EXPECT_EQ(error_of<OSError>("a key"),
              "mp: keeping an authkey out of core dumps: [Errno 12] Cannot allocate memory");
    _exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(Wipe, LeavesNothingOfAKeyThatIsThere) {
  std::optional<std::string> key = "a key that is longer than a short string";
  wipe(key);
  EXPECT_EQ(*key, std::string(40, '\0'));
  key.reset();
  wipe(key);
  EXPECT_FALSE(key.has_value());
}

}  // namespace
}  // namespace mp::internal
