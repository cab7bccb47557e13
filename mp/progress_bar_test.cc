#include "mp/progress_bar.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <chrono>
#include <numeric>
#include <string>
#include <vector>

#include "mp/event.h"
#include "mp/function.h"
#include "mp/internal/base/unique_fd.h"
#include "mp/pool.h"
#include "mp/testing/fixture.h"
#include "mp/testing/watchdog.h"

namespace mp::testing {
namespace {

using internal::UniqueFd;

class ProgressBarTest : public Fixture {
 protected:
  void TearDown() override {
    screen_.reset();
    terminal_.reset();
    Fixture::TearDown();
  }
  // What somebody sees who looks at the terminal until the bar's last line has come.
  std::string seen(const char* until) {
    std::string text;
    char buffer[256];
    while (text.find(until) == std::string::npos) {
      ssize_t n = read(screen_.get(), buffer, sizeof buffer);
      if (n <= 0) {
        break;
      }
      text.append(buffer, static_cast<size_t>(n));
    }
    return text;
  }
  void open_terminal(unsigned short width) {
    winsize size{.ws_row = 24, .ws_col = width, .ws_xpixel = 0, .ws_ypixel = 0};
    int screen = -1;
    int terminal = -1;
    ASSERT_EQ(openpty(&screen, &terminal, nullptr, nullptr, &size), 0);
    screen_.reset(screen);
    terminal_.reset(terminal);
  }

  UniqueFd screen_;
  UniqueFd terminal_;

 private:
  Watchdog dog_{std::chrono::minutes(1)};
};

// The last of a hundred waits for `seen`.
int square(const Event& seen, int x) {
  if (x == 99) {
    seen.wait();
  }
  return x * x;
}

TEST_F(ProgressBarTest, ShowsAMapInATerminal) {
  open_terminal(80);
  std::string text;
  {
    Pool pool(2);
    std::vector<int> in(100);
    std::iota(in.begin(), in.end(), 0);
    Event seen_once;
    auto r = pool.map_async({.chunksize = 1, .progress = ProgressBar("squares", terminal_.get())},
                            bind(square, seen_once), in);
    text = seen("]");
    seen_once.set();
    EXPECT_EQ(r.get().size(), 100u);
  }
  text += seen("\n");
  EXPECT_EQ(text.substr(0, 11), "\rsquares:  ") << text;
  const std::string last = text.substr(text.rfind('\r', text.size() - 3));
  EXPECT_EQ(last.substr(0, 62), "\rsquares: 100% [########################################] 100/")
      << last;
}

TEST_F(ProgressBarTest, ShowsAnImapInATerminal) {
  open_terminal(80);
  std::string text;
  {
    Pool pool(2);
    std::vector<int> in(100);
    std::iota(in.begin(), in.end(), 0);
    auto results = pool.imap(
        {.progress = ProgressBar("squares", terminal_.get())}, [](int x) { return x * x; }, in);
    EXPECT_EQ(results.next(), 0);
    text = seen("]");
    while (results.next().has_value()) {
    }
  }
  text += seen("\n");
  EXPECT_EQ(text.substr(0, 14), "\rsquares:   0%") << text;
  const std::string last = text.substr(text.rfind('\r', text.size() - 3));
  EXPECT_EQ(last.substr(0, 62), "\rsquares: 100% [########################################] 100/")
      << last;
}

TEST_F(ProgressBarTest, SaysHowManyAreDoneWhereNobodyKnowsOfHowMany) {
  open_terminal(80);
  {
    ProgressBar bar("lines", terminal_.get());
    bar(12, 0);
    bar(13, 13);
  }
  std::string text = seen("\n");
  EXPECT_EQ(text.substr(0, 17), "\rlines: 12 00:00\r") << text;
  EXPECT_NE(text.find("13/13"), text.npos) << text;
}

TEST_F(ProgressBarTest, IsSilentWhereThereIsNoTerminal) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  UniqueFd from(ends[0]);
  UniqueFd to(ends[1]);
  {
    ProgressBar bar("work", to.get());
    bar(1, 2);
    bar(2, 2);
  }
  char c;
  EXPECT_EQ(read(from.get(), &c, 1), -1);
}

TEST_F(ProgressBarTest, FitsIntoANarrowTerminal) {
  open_terminal(30);
  { ProgressBar("a description", terminal_.get())(5, 10); }
  std::string text = seen("\n");
  EXPECT_EQ(text, "\ra description:  50%  5/10 00:\r\n") << text;
}

TEST_F(ProgressBarTest, AShorterLineCoversALongerOne) {
  open_terminal(80);
  {
    ProgressBar bar("", terminal_.get());
    bar(10'000, 20'000);
    bar(3, 3);
  }
  std::string text = seen("\n");
  ASSERT_FALSE(text.empty());
  size_t first = text.find('\r', 1);
  EXPECT_GE(text.size() - first, first) << text;
}

}  // namespace
}  // namespace mp::testing
