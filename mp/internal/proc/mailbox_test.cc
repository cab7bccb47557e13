#include "mp/internal/proc/mailbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "mp/internal/shm/family.h"
#include "mp/testing/tracee.h"
#include "mp/testing/watchdog.h"

namespace mp::internal {
namespace {

using std::chrono_literals::operator""s;
using testing::Watchdog;

// Under a new token.
absl::StatusOr<uint64_t> mailbox_put(int fd) {
  uint64_t token = mailbox_token();
  if (absl::Status s = internal::mailbox_put(token, fd); !s.ok()) {
    return s;
  }
  return token;
}

// An open file that can be told from others, through whatever descriptor.
struct File {
  UniqueFd fd;
  ino_t inode;
};
ino_t inode_of(int fd) {
  struct stat st {};
  return fstat(fd, &st) == 0 ? st.st_ino : 0;
}
File make_file() {
  int ends[2];
  EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
  close(ends[1]);
  return {UniqueFd(ends[0]), inode_of(ends[0])};
}

uint64_t put(const File& file) {
  auto token = mailbox_put(file.fd.get());
  EXPECT_TRUE(token.ok()) << token.status();
  return token.value_or(0);
}
// The file behind `token`, 0 if there is none.
ino_t take(uint64_t token) {
  auto fd = mailbox_take(token);
  return fd.ok() ? inode_of(fd->get()) : 0;
}

template <class Body>
void in_child(const Body& body) {
  pid_t pid = fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    _exit(body() ? 0 : 1);
  }
  int status;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
}

TEST(Mailbox, GivesTheFileBackOnce) {
  File file = make_file();
  uint64_t token = put(file);
  EXPECT_EQ(mailbox_waiting(), 1);
  auto fd = mailbox_take(token);
  ASSERT_TRUE(fd.ok());
  EXPECT_EQ(inode_of(fd->get()), file.inode);
  EXPECT_NE(fcntl(fd->get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_EQ(mailbox_waiting(), 0);
  EXPECT_FALSE(mailbox_take(token).ok());
}

TEST(Mailbox, GivesInAnyOrder) {
  std::vector<File> files;
  std::vector<uint64_t> tokens;
  for (int i = 0; i < 6; ++i) {
    files.push_back(make_file());
    tokens.push_back(put(files.back()));
  }
  for (int i : {3, 0, 5, 4, 1, 2}) {
    EXPECT_EQ(take(tokens[i]), files[i].inode);
    EXPECT_EQ(take(tokens[i]), 0u);
  }
  EXPECT_EQ(mailbox_waiting(), 0);
}

TEST(Mailbox, CrossesProcessesAndOutlivesTheSender) {
  Watchdog dog(60s);
  Family& family = Family::get();
  auto object = family.create(Kind::kArray, sizeof(Block) + sizeof(uint64_t));
  ASSERT_TRUE(object.ok());
  uint64_t& token = *reinterpret_cast<uint64_t*>(family.at<Block>(*object) + 1);
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  in_child([&] {
    // Made after the fork: only the mailbox can bring it to the parent.
    token = *mailbox_put(ends[1]);
    return true;
  });
  close(ends[1]);
  auto fd = mailbox_take(token);
  ASSERT_TRUE(fd.ok()) << fd.status();
  EXPECT_EQ(write(fd->get(), "x", 1), 1);
  char c = 0;
  EXPECT_EQ(read(ends[0], &c, 1), 1);
  EXPECT_EQ(c, 'x');
  close(ends[0]);
  family.drop(*object);
}

TEST(Mailbox, IsBoundedWithAnErrorThatSaysSo) {
  File file = make_file();
  int room = mailbox_room();
  EXPECT_GT(room, 16);
  std::vector<uint64_t> tokens;
  for (int i = 0; i < room; ++i) {
    tokens.push_back(put(file));
  }
  auto more = mailbox_put(file.fd.get());
  ASSERT_FALSE(more.ok());
  EXPECT_NE(std::string(more.status().message()).find("mailbox is full"), std::string::npos);
  // Full, it can still be searched.
  EXPECT_EQ(take(tokens.back()), file.inode);
  EXPECT_EQ(take(12345), 0u);
  tokens.pop_back();
  for (uint64_t token : tokens) {
    mailbox_discard(token);
  }
  EXPECT_EQ(mailbox_waiting(), 0);
}

TEST(Mailbox, RefusesWhatIsNoDescriptor) {
  EXPECT_FALSE(mailbox_put(-1).ok());
  EXPECT_EQ(mailbox_waiting(), 0);
}

TEST(Mailbox, ManyUseItAtOnce) {
  Watchdog dog(60s);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 300; ++i) {
        File a = make_file();
        File b = make_file();
        uint64_t ta = put(a);
        uint64_t tb = put(b);
        EXPECT_EQ(take(tb), b.inode);
        EXPECT_EQ(take(ta), a.inode);
      }
    });
  }
  for (std::thread& t : threads) {
    t.join();
  }
  EXPECT_EQ(mailbox_waiting(), 0);
}

// One operation in a process that is killed on entry to its n-th system call.
class Killed : public testing::Traced {
 public:
  // False when the operation came to its end.
  bool run(int calls) {
    testing::Tracee tracee(*this);
    testing::Tracee::At at = tracee.at();
    for (int i = 0; i < calls && at != testing::Tracee::At::kEnd; ++i) {
      at = tracee.run();
      if (at == testing::Tracee::At::kEntry && i + 1 < calls) {
        at = tracee.step();
      }
    }
    tracee.kill();
    return at != testing::Tracee::At::kEnd;
  }
};

class KilledTake final : public Killed {
 public:
  explicit KilledTake(uint64_t token) : token_(token) {}
  void operate() override { mailbox_discard(token_); }

 private:
  uint64_t token_;
};
class KilledPut final : public Killed {
 public:
  explicit KilledPut(int fd) : fd_(fd) {}
  void operate() override { mailbox_put(fd_).status().IgnoreError(); }

 private:
  int fd_;
};

TEST(Mailbox, ATakerKilledAtAnySystemCallLosesAndDoublesNothing) {
  Watchdog dog(120s);
  int lost = 0;
  bool killed = true;
  for (int calls = 1; killed; ++calls) {
    std::vector<File> files;
    std::vector<uint64_t> tokens;
    for (int i = 0; i < 4; ++i) {
      files.push_back(make_file());
      tokens.push_back(put(files.back()));
    }
    killed = KilledTake(tokens[2]).run(calls);
    for (int i : {0, 3, 1}) {
      EXPECT_EQ(take(tokens[i]), files[i].inode) << "killed at system call " << calls;
      EXPECT_EQ(take(tokens[i]), 0u) << "killed at system call " << calls;
    }
    // The dead taker's own: there, or gone with it.
    lost += take(tokens[2]) == 0;
    EXPECT_EQ(take(tokens[2]), 0u);
    EXPECT_EQ(mailbox_waiting(), 0) << "killed at system call " << calls;
    ASSERT_LT(calls, 200);
  }
  EXPECT_GT(lost, 0);
}

TEST(Mailbox, APutterKilledAtAnySystemCallLeavesOneOrNone) {
  Watchdog dog(120s);
  bool killed = true;
  for (int calls = 1; killed; ++calls) {
    File before = make_file();
    uint64_t token = put(before);
    File file = make_file();
    killed = KilledPut(file.fd.get()).run(calls);
    // The next who has the lock mends the count.
    EXPECT_EQ(take(token), before.inode) << "killed at system call " << calls;
    EXPECT_LE(mailbox_waiting(), 1);
    File after = make_file();
    token = put(after);
    EXPECT_EQ(take(token), after.inode);
    ASSERT_LT(calls, 200);
    // What the dead putter left has no owner any more: make room.
    while (mailbox_waiting() > 0) {
      uint64_t orphan = 0;
      ASSERT_TRUE(mailbox_peek_for_test(&orphan));
      mailbox_discard(orphan);
    }
  }
}

}  // namespace
}  // namespace mp::internal
