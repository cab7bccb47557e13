#include "mp/fd.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "mp/codec.h"
#include "mp/errors.h"

namespace mp {
namespace {

bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

// Gives copies of what the encoder remembers, as a channel does.
class Copies final : public internal::FdSource {
 public:
  explicit Copies(const Encoder& e) : fds_(e.fds().begin(), e.fds().end()) {}
  int take_fd(uint32_t index) override { return Fd::duplicate(fds_.at(index)).release(); }

 private:
  std::vector<int> fds_;
};

struct Both {
  Fd read;
  int n;
  Fd write;
};

TEST(Fd, ClosesWhatItOwns) {
  int fd = dup(0);
  { Fd owner(fd); }
  EXPECT_FALSE(is_open(fd));
  Fd a(dup(0));
  Fd b = std::move(a);
  EXPECT_FALSE(a.valid());
  EXPECT_TRUE(is_open(b.get()));
  int kept = b.release();
  EXPECT_TRUE(is_open(kept));
  b = Fd(kept);
  b.reset();
  EXPECT_FALSE(is_open(kept));
}

TEST(Fd, DuplicatesAreClosedAtExec) {
  Fd fd = Fd::duplicate(0);
  EXPECT_NE(fd.get(), 0);
  EXPECT_EQ(fcntl(fd.fileno(), F_GETFD), FD_CLOEXEC);
  EXPECT_THROW(Fd::duplicate(-1), OSError);
}

TEST(Fd, CrossesBesideTheMessage) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  Both both{Fd(ends[0]), 5, Fd(ends[1])};
  Encoder e;
  internal::encode_message(e, both);
  ASSERT_EQ(e.fds().size(), 2u);
  EXPECT_EQ(e.fds()[0], ends[0]);
  Copies copies(e);
  Both got = internal::decode_message<Both>(e.message(), &copies);
  EXPECT_NE(got.write.get(), ends[1]);
  ASSERT_EQ(write(got.write.get(), "x", 1), 1);
  char c = 0;
  ASSERT_EQ(read(got.read.get(), &c, 1), 1);
  EXPECT_EQ(c, 'x');
}

TEST(Fd, NoneCrossesAsNone) {
  Encoder e;
  internal::encode_message(e, Fd());
  EXPECT_TRUE(e.fds().empty());
  EXPECT_FALSE(internal::decode_message<Fd>(e.message()).valid());
}

TEST(Fd, WithoutAChannelThatCarriesItIsACodecError) {
  Encoder e;
  internal::encode_message(e, Fd(dup(0)));
  EXPECT_THROW(internal::decode_message<Fd>(e.message()), CodecError);
  internal::encode_message(e, 5);
  EXPECT_THROW(internal::decode_message<Fd>(e.message()), TypeError);
}

}  // namespace
}  // namespace mp
